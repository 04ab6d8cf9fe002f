#include "core/process/user_namespace.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "core/process/spawn.h"
#include "uring/file.h"

namespace urc::process {

namespace {

struct Pipe {
    Fd read, write;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) return Error::last("pipe");
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// The helper: in a new user namespace, or in the given one. It lives as long as this object, and not longer
// than the process that holds it.
class Inhabitant {
public:
    static Result<Inhabitant> of_new() { return start(CLONE_NEWUSER, -1); }
    static Result<Inhabitant> of(int user_namespace) { return start(0, user_namespace); }

    Inhabitant(Inhabitant&&) noexcept = default;
    Inhabitant(const Inhabitant&) = delete;
    Inhabitant& operator=(Inhabitant&&) = delete;
    Inhabitant& operator=(const Inhabitant&) = delete;
    ~Inhabitant() {
        life_.reset();
        if (!pidfd_) return;
        siginfo_t info;
        while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) < 0 && errno == EINTR) {
        }
    }
    pid_t pid() const { return pid_; }

private:
    Inhabitant(Cloned cloned, Fd life)
        : pid_(cloned.pid), pidfd_(std::move(cloned.pidfd)), life_(std::move(life)) {}

    static Result<Inhabitant> start(std::uint64_t namespaces, int joined) {
        URC_TRY(Pipe life, make_pipe());
        URC_TRY(Pipe news, make_pipe());
        URC_TRY(Cloned cloned, clone_process({.namespaces = namespaces}));
        if (cloned.pid == 0) {
            life.write.reset();
            live(joined, news.write.get(), life.read.get());
        }
        Inhabitant inhabitant(std::move(cloned), std::move(life.write));
        news.write.reset();
        int code = 0;
        if (::read(news.read.get(), &code, sizeof code) != sizeof code) return Error(ECHILD, "clone3");
        if (code != 0) return Error(code, "setns");
        return inhabitant;
    }

    [[noreturn]] static void live(int joined, int news, int life) {
        // Whoever is in the namespace already must not get at our descriptors.
        ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        int code = joined >= 0 && ::setns(joined, CLONE_NEWUSER) < 0 ? errno : 0;
        char end;
        if (::write(news, &code, sizeof code) == sizeof code && code == 0)
            while (::read(life, &end, 1) < 0 && errno == EINTR) {
            }
        ::_exit(0);
    }

    pid_t pid_;
    Pidfd pidfd_;
    Fd life_;
};

std::string proc_path(pid_t pid, const char* file) {
    return "/proc/" + std::to_string(pid) + "/" + file;
}

// Lines of three numbers, by the kernel's own hand.
std::vector<spec::IdMapping> parse_map(const std::string& text) {
    std::vector<std::uint32_t> numbers;
    for (std::size_t at = 0; (at = text.find_first_of("0123456789", at)) != std::string::npos;) {
        std::uint32_t number = 0;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
            number = number * 10 + static_cast<std::uint32_t>(text[at] - '0');
        numbers.push_back(number);
    }
    std::vector<spec::IdMapping> map;
    for (std::size_t i = 0; i + 2 < numbers.size(); i += 3)
        map.push_back({numbers[i], numbers[i + 1], numbers[i + 2]});
    return map;
}

}  // namespace

Result<Fd> make_user_namespace(const IdMaps& maps) {
    URC_TRY(Inhabitant inhabitant, Inhabitant::of_new());
    URC_TRY_VOID(write_id_maps(inhabitant.pid(), maps));
    return open_at(AT_FDCWD, proc_path(inhabitant.pid(), "ns/user").c_str(), O_RDONLY);
}

Result<ReadIdMaps> read_id_maps(int user_namespace) {
    URC_TRY(Inhabitant inhabitant, Inhabitant::of(user_namespace));
    URC_TRY(std::string uids, read_file_at(AT_FDCWD, proc_path(inhabitant.pid(), "uid_map").c_str()));
    URC_TRY(std::string gids, read_file_at(AT_FDCWD, proc_path(inhabitant.pid(), "gid_map").c_str()));
    return ReadIdMaps{parse_map(uids), parse_map(gids)};
}

Result<void> take_id_maps(int user_namespace, const std::string& path, spec::Linux& linux) {
    auto read = read_id_maps(user_namespace);
    if (!read.ok()) return std::move(read).error().context("read the id maps of " + path);
    auto take = [&](const char* field, std::vector<spec::IdMapping>& given,
                    std::vector<spec::IdMapping>& real) -> Result<void> {
        if (!given.empty() && !is_same_map(given, real))
            return Error::message(std::string("config.json: ") + field +
                                  ": not those of the user namespace that is joined: " + path);
        given = std::move(real);
        return {};
    };
    URC_TRY_VOID(take("linux.uidMappings", linux.uid_mappings, read->uids));
    return take("linux.gidMappings", linux.gid_mappings, read->gids);
}

bool is_same_map(std::vector<spec::IdMapping> left, std::vector<spec::IdMapping> right) {
    auto by_id = [](const spec::IdMapping& a, const spec::IdMapping& b) {
        return a.container_id < b.container_id;
    };
    std::sort(left.begin(), left.end(), by_id);
    std::sort(right.begin(), right.end(), by_id);
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](const spec::IdMapping& a, const spec::IdMapping& b) {
                          return a.container_id == b.container_id && a.host_id == b.host_id &&
                                 a.size == b.size;
                      });
}

}  // namespace urc::process
