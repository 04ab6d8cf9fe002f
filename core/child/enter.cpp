// exec: into the namespaces of a container that runs, all at once by the pidfd of its init (setns(2)).
//
// Nobody in the container may look at the process on its way (CVE-2016-9962): it is cloned not dumpable, by a
// parent that is so for that moment, and stays so until execve. What it holds of the host's is closed as the
// next step, before a path of the container's is opened. What this does not keep out is a container without a
// user namespace that was given CAP_SYS_PTRACE: it may trace whatever is in its pid namespace, as with every
// runtime.
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/child/launch.h"

namespace urc::child {

Result<void> enter_container(Launch& launch) {
    Entry& entry = launch.entry;
    // ESRCH: init has ended meanwhile. Its number may be somebody else's by now, the pidfd is not.
    if (entry.namespaces != 0 && ::setns(entry.init, entry.namespaces) < 0)
        return Error::last("join the container's namespaces");
    if (entry.namespaces & CLONE_NEWUSER) {
        if (::setresgid(0, 0, 0) < 0) return Error::last("setresgid", "0 in the container's user namespace");
        if (::setresuid(0, 0, 0) < 0) return Error::last("setresuid", "0 in the container's user namespace");
        // A change of user makes a process dumpable by the sysctl's rule, never by ours.
        ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
    entry.namespaces = 0;
    // A joined mount namespace has made its root ours; one that we share with init has not.
    if (entry.root) {
        if (::fchdir(entry.root.get()) < 0 || ::chroot(".") < 0)
            return Error::last("chroot", "the root of the container's init");
        entry.root.reset();
    }
    return {};
}

void enter_then_clone(Launch& launch) {
    if (auto attached = attach_to_cgroup(launch); !attached.ok()) give_up(launch, attached.error());
    if (auto entered = enter_container(launch); !entered.ok()) give_up(launch, entered.error());
    clone_successor(launch, {});
}

}  // namespace urc::child
