// Is that process still the one we started? proc_pid_stat(5), pidfd_open(2).
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/number.h"
#include "core/state/state.h"
#include "uring/file.h"

namespace urc {
namespace {

Result<Pidfd> open_pidfd(pid_t pid) {
    const long fd = ::syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return Error::last("pidfd_open", std::to_string(pid));
    return Pidfd(static_cast<int>(fd));
}

// Before pidfs (Linux 6.9) all pidfds share one anonymous inode, whose number says nothing.
std::uint64_t inode_of_pidfd(int pidfd) {
    constexpr long kPidfsMagic = 0x50494446;
    struct statfs file_system {};
    struct stat info {};
    if (pidfd < 0 || ::fstatfs(pidfd, &file_system) != 0 || file_system.f_type != kPidfsMagic) return 0;
    return ::fstat(pidfd, &info) == 0 ? info.st_ino : 0;
}

bool is_dead(char state) {
    return state == 'Z' || state == 'X' || state == 'x';
}

}  // namespace

std::string_view status_word(Status status) {
    switch (status) {
        case Status::creating:
            return "creating";
        case Status::created:
            return "created";
        case Status::running:
            return "running";
        case Status::paused:
            return "paused";
        case Status::stopped:
            return "stopped";
    }
    return "stopped";
}

Result<ProcessStat> read_process_stat(pid_t pid) {
    constexpr unsigned long kExiting = 0x4, kForkedOnly = 0x40;  // PF_EXITING, PF_FORKNOEXEC of sched.h
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return Error(errno == ENOENT ? ESRCH : errno, "open", path);
    // One read: the file is some 300 bytes, and the process may end between two of them.
    char text[1024];
    const ssize_t length = ::read(file.get(), text, sizeof text);
    if (length < 0) return Error::last("read", path);
    std::string_view rest(text, static_cast<std::size_t>(length));
    // The name (field 2) may hold anything, parentheses and blanks too; the last ")" ends it.
    const std::size_t name_end = rest.rfind(')');
    if (name_end == rest.npos || name_end + 2 >= rest.size()) return Error(EPROTO, "read", path);
    rest.remove_prefix(name_end + 2);
    ProcessStat stat{.state = rest[0]};
    for (int field = 3; field < 22; ++field) {
        const std::size_t blank = rest.find(' ');
        if (blank == rest.npos) return Error(EPROTO, "read", path);
        if (field == 9) {
            const unsigned long flags = parse_number<unsigned long>(rest.substr(0, blank)).value_or(0);
            stat.has_executed = (flags & kForkedOnly) == 0;
            stat.is_exiting = (flags & kExiting) != 0;
        }
        rest.remove_prefix(blank + 1);
    }
    const auto start = parse_number<std::uint64_t>(rest.substr(0, rest.find(' ')));
    if (!start) return Error(EPROTO, "read", path);
    stat.start_time = *start;
    return stat;
}

Result<ProcessId> identify(pid_t pid, int pidfd) {
    URC_TRY(ProcessStat stat, read_process_stat(pid));
    return ProcessId{.pid = pid, .start_time = stat.start_time, .pidfd_inode = inode_of_pidfd(pidfd)};
}

bool is_alive(const ProcessId& process) {
    if (process.pid <= 0) return false;
    auto stat = read_process_stat(process.pid);
    return stat && stat->start_time == process.start_time && !is_dead(stat->state);
}

Result<Pidfd> open_process(const ProcessId& process) {
    if (process.pid <= 0) return Error(ESRCH, "pidfd_open", std::to_string(process.pid));
    // First hold the process, then compare: from here on the number cannot be given to another one.
    URC_TRY(Pidfd pidfd, open_pidfd(process.pid));
    const std::uint64_t inode = inode_of_pidfd(pidfd.get());
    const bool is_other = process.pidfd_inode != 0 && inode != 0 && inode != process.pidfd_inode;
    if (is_other || !is_alive(process)) return Error(ESRCH, "pidfd_open", std::to_string(process.pid));
    return pidfd;
}

std::array<std::string, 3> read_external_descriptors(const std::array<int, 3>& stdio) {
    std::array<std::string, 3> names;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const int fd = stdio[i] >= 0 ? stdio[i] : static_cast<int>(i);
        char text[512];
        const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), text, sizeof text);
        if (length > 0) names[i].assign(text, static_cast<std::size_t>(length));
    }
    return names;
}

}  // namespace urc
