#include "core/process/namespaces.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sys/ioctl.h>

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

}  // namespace urc::process
