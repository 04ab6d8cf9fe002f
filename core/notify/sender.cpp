#include "core/notify/sender.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "core/number.h"
#include "core/process/namespaces.h"
#include "core/state/state.h"
#include "uring/file.h"

namespace urc::notify {

namespace {

std::string proc_path(pid_t pid, std::string_view name) {
    return "/proc/" + std::to_string(pid) + "/" + std::string(name);
}

bool has_ended(const Sender& sender) {
    // Before its pidfd tells, an exiting process has left its cgroup: what it said last would be a
    // stranger's.
    auto stat = read_process_stat(sender.pid);
    if (stat.ok() && stat->is_exiting) return true;
    if (sender.pidfd < 0) return ::kill(sender.pid, 0) != 0 && errno == ESRCH;
    pollfd poll{sender.pidfd, POLLIN, 0};
    return ::poll(&poll, 1, 0) == 1;
}

// The field after `name` and its blanks in a file of `NAME value value` lines.
std::optional<std::string_view> find_line(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (text.starts_with(name)) return text.substr(name.size(), end - name.size());
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return std::nullopt;
}

std::optional<std::int64_t> take_number(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    const auto number = parse_number<std::int64_t>(text.substr(0, end));
    text.remove_prefix(end);
    return number;
}

std::optional<struct stat> namespace_of(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
    return info;
}
bool is_same(const std::optional<struct stat>& a, const std::optional<struct stat>& b) {
    return a && b && a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

// Of a process's time namespace against the initial one.
std::optional<std::chrono::nanoseconds> offset_in(const std::string& path) {
    auto text = read_file_at(AT_FDCWD, path.c_str());
    if (!text.ok()) return std::nullopt;
    auto line = find_line(*text, "monotonic");
    if (!line) return std::nullopt;
    const auto seconds = take_number(*line);
    const auto rest = take_number(*line);
    if (!seconds || !rest) return std::nullopt;
    return std::chrono::seconds(*seconds) + std::chrono::nanoseconds(*rest);
}

}  // namespace

Standing standing_of(const Sender& sender, const std::function<bool(pid_t)>& is_member) {
    if (sender.pid <= 0) return Standing::stranger;
    if (!is_member || is_member(sender.pid)) return Standing::member;
    // Asked afterwards: a sender that lives now lived while its cgroup was read, so that was its own.
    return has_ended(sender) ? Standing::ended : Standing::stranger;
}

std::string cgroup_of(pid_t pid, std::string_view controller) {
    auto text = read_file_at(AT_FDCWD, proc_path(pid, "cgroup").c_str());
    if (!text.ok()) return {};
    for (std::string_view rest = *text; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        // HIERARCHY:CONTROLLER,CONTROLLER:PATH
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (first == line.npos || second == line.npos) continue;
        const std::string names = "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
        const bool is_it = controller.empty() ? names == ",,"
                                              : names.find("," + std::string(controller) + ",") != names.npos;
        if (!is_it) continue;
        line.remove_prefix(second + 1);
        if (line.ends_with(" (deleted)")) line.remove_suffix(10);
        return std::string(line);
    }
    return {};
}

bool is_in_cgroup(pid_t pid, const std::string& path, std::string_view controller) {
    const std::string at = cgroup_of(pid, controller);
    if (at.empty()) return false;
    return at == path || at.starts_with(path.ends_with('/') ? path : path + "/");
}

std::optional<pid_t> translate_pid(pid_t sender, pid_t inside, std::span<const pid_t> candidates) {
    const auto its_namespace = namespace_of(proc_path(sender, "ns/pid"));
    const std::string number = std::to_string(inside);
    for (pid_t candidate : candidates) {
        if (!is_same(its_namespace, namespace_of(proc_path(candidate, "ns/pid")))) continue;
        auto innermost = process::innermost_pid(candidate);
        if (innermost.ok() && *innermost == number) return candidate;
    }
    return std::nullopt;
}

std::optional<std::chrono::nanoseconds> monotonic_offset(pid_t pid) {
    const auto theirs = namespace_of(proc_path(pid, "ns/time"));
    if (!theirs || is_same(theirs, namespace_of("/proc/self/ns/time"))) return std::nullopt;
    const auto offset = offset_in(proc_path(pid, "timens_offsets"));
    const auto own = offset_in("/proc/self/timens_offsets");
    if (!offset || !own) return std::nullopt;
    return *offset - *own;
}

std::optional<pid_t> pid_of_pidfd(int fd) {
    auto text = read_file_at(AT_FDCWD, ("/proc/self/fdinfo/" + std::to_string(fd)).c_str());
    if (!text.ok()) return std::nullopt;
    auto line = find_line(*text, "Pid:");
    if (!line) return std::nullopt;
    const auto number = take_number(*line);
    // -1: it has ended. 0: it is in a pid namespace that is not below ours.
    if (!number || *number <= 0) return std::nullopt;
    return static_cast<pid_t>(*number);
}

std::uint64_t pidfd_id(pid_t pid, int pidfd) {
    Pidfd opened;
    if (pidfd < 0) {
        opened = Pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        pidfd = opened.get();
    }
    auto identity = identify(pid, pidfd);
    return identity.ok() ? identity->pidfd_inode : 0;
}

}  // namespace urc::notify
