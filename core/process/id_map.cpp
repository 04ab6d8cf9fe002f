#include "core/process/id_map.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "uring/file.h"

namespace urc::process {

namespace {

bool is_own_id_only(const std::vector<spec::IdMapping>& map, std::uint32_t own) {
    return map.size() == 1 && map[0].size == 1 && map[0].host_id == own;
}

std::string lines(const std::vector<spec::IdMapping>& map) {
    std::string text;
    for (const spec::IdMapping& range : map)
        text.append(std::to_string(range.container_id) + " " + std::to_string(range.host_id) + " " +
                    std::to_string(range.size) + "\n");
    return text;
}

// newuidmap PID INSIDE OUTSIDE COUNT ...: set-user-id helpers that check /etc/subuid for us.
Result<void> run_helper(const char* program, pid_t pid, const std::vector<spec::IdMapping>& map) {
    std::vector<std::string> args{program, std::to_string(pid)};
    for (const spec::IdMapping& range : map)
        for (std::uint32_t number : {range.container_id, range.host_id, range.size})
            args.push_back(std::to_string(number));
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);

    // What it has to say becomes part of the one line that urc says.
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) return Error::last("pipe");
    Fd read(ends[0]), write(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, write.get(), STDERR_FILENO);
    pid_t helper;
    int code = ::posix_spawnp(&helper, program, &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (code != 0) return Error(code, "run", program);
    write.reset();
    constexpr std::size_t kSaidMax = 4096;
    auto said = read_all(read.get(), kSaidMax, program);
    int status = 0;
    while (::waitpid(helper, &status, 0) < 0 && errno == EINTR) {
    }
    if (status == 0) return {};
    std::string reason = said.ok() ? said->substr(0, said->find('\n')) : "";
    if (!reason.starts_with(program)) reason = std::string(program) + ": " + reason;
    return Error::message(reason + " (see /etc/subuid, /etc/subgid)", EPERM);
}

}  // namespace

bool denies_setgroups(const IdMaps& maps) {
    return ::geteuid() != 0 && is_own_id_only(maps.gids, ::getegid());
}

Result<void> write_id_maps(pid_t pid, const IdMaps& maps) {
    std::string directory = "/proc/" + std::to_string(pid);
    bool is_root = ::geteuid() == 0;
    if (denies_setgroups(maps))
        URC_TRY_VOID(write_control_at(AT_FDCWD, (directory + "/setgroups").c_str(), "deny"));
    if (is_root || is_own_id_only(maps.gids, ::getegid()))
        URC_TRY_VOID(write_control_at(AT_FDCWD, (directory + "/gid_map").c_str(), lines(maps.gids)));
    else
        URC_TRY_VOID(run_helper("newgidmap", pid, maps.gids));
    if (is_root || is_own_id_only(maps.uids, ::geteuid()))
        URC_TRY_VOID(write_control_at(AT_FDCWD, (directory + "/uid_map").c_str(), lines(maps.uids)));
    else
        URC_TRY_VOID(run_helper("newuidmap", pid, maps.uids));
    return {};
}

}  // namespace urc::process
