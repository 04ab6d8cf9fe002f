#include "core/process/namespaces.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "core/spec/names.h"
#include "uring/file.h"

namespace urc::process {

namespace {
struct Kind {
    std::uint64_t flag;
    std::string_view proc;
};
// In the order of spec::NamespaceType.
constexpr Kind kKinds[] = {{CLONE_NEWPID, "pid"},       {CLONE_NEWNET, "net"},  {CLONE_NEWNS, "mnt"},
                           {CLONE_NEWIPC, "ipc"},       {CLONE_NEWUTS, "uts"},  {CLONE_NEWUSER, "user"},
                           {CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWTIME, "time"}};
const Kind& kind(spec::NamespaceType type) {
    return kKinds[static_cast<std::size_t>(type)];
}
}  // namespace

std::uint64_t clone_flag(spec::NamespaceType type) {
    return kind(type).flag;
}
std::string_view proc_name(spec::NamespaceType type) {
    return kind(type).proc;
}

Result<Fd> open_namespace(spec::NamespaceType type, const std::string& path) {
    // O_NONBLOCK: a fifo at this path must not hold us up.
    URC_TRY(Fd fd, open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
    int flag = ::ioctl(fd.get(), NS_GET_NSTYPE);
    if (flag < 0 || static_cast<std::uint64_t>(flag) != clone_flag(type))
        return Error::message("join namespace: " + path + ": not a " +
                              std::string(spec::namespace_name(type)) + " namespace");
    return fd;
}

Result<std::string> innermost_pid(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/status";
    URC_TRY(std::string status, read_file_at(AT_FDCWD, path.c_str()));
    const std::size_t line = status.find("\nNSpid:");
    if (line == std::string::npos) return Error(ENOSYS, "NSpid", path);
    const std::string_view numbers =
        std::string_view(status).substr(line, status.find('\n', line + 1) - line);
    return std::string(numbers.substr(numbers.rfind('\t') + 1));
}

Result<int> namespaces_to_join(pid_t pid) {
    const std::string directory = "/proc/" + std::to_string(pid) + "/ns";
    URC_TRY(Fd own, open_at(AT_FDCWD, "/proc/self/ns", O_PATH | O_DIRECTORY));
    URC_TRY(Fd others, open_at(AT_FDCWD, directory.c_str(), O_PATH | O_DIRECTORY));
    std::uint64_t differing = 0;
    for (const Kind& candidate : kKinds) {
        struct stat ours, theirs;
        const char* name = candidate.proc.data();
        if (::fstatat(own.get(), name, &ours, 0) < 0) continue;  // a kernel without this kind
        if (::fstatat(others.get(), name, &theirs, 0) < 0)
            return Error::last("namespace of the container", directory + "/" + name);
        if (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev) differing |= candidate.flag;
    }
    return static_cast<int>(differing);
}

bool is_own_namespace(spec::NamespaceType type, int fd) {
    const std::string path = "/proc/self/ns/" + std::string(proc_name(type));
    struct stat ours, theirs;
    return ::stat(path.c_str(), &ours) == 0 && ::fstat(fd, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

}  // namespace urc::process
