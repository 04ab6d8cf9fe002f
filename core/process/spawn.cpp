#include "core/process/spawn.h"

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace urc::process {

Result<Cloned> clone_process(const CloneOptions& options) {
    int pidfd = -1;
    clone_args args{};
    args.flags = CLONE_PIDFD | options.namespaces;
    args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
    // With CLONE_PARENT the exit signal is that of the caller, and the kernel insists on 0 here.
    if (options.is_sibling)
        args.flags |= CLONE_PARENT;
    else
        args.exit_signal = SIGCHLD;
    if (options.cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = static_cast<std::uint64_t>(options.cgroup_fd);
    }
    long pid = ::syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) {
        if (errno == EAGAIN)
            return Error(EAGAIN, "clone3",
                         "a limit on processes is reached (pids.max, RLIMIT_NPROC, kernel.pid_max)");
        if (errno == ENOSPC)
            return Error(ENOSPC, "clone3", "a limit on namespaces is reached (user.max_*_namespaces)");
        return Error::last("clone3");
    }
    return Cloned{static_cast<pid_t>(pid), Pidfd(pidfd)};
}

}  // namespace urc::process
