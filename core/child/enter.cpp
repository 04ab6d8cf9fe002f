// exec: into the namespaces of a container that runs, all at once by the pidfd of its init (setns(2)).
//
// Nobody in the container may look at the process on its way (CVE-2016-9962, CVE-2019-5736).
//
// Where the container has a user namespace of its own, the process is cloned not dumpable, by a parent that
// is so for that moment, and stays so until execve. Its memory belongs to a user namespace above the
// container's, so no capability in there overrules that (ptrace(2)).
//
// Where it shares ours, CAP_SYS_PTRACE in there would. So the process that does all of the set-up is never in
// the container's pid namespace, where nobody can name it. It closes what it has of the host's, leaves urc's
// executable, takes the container's capabilities, and only then the last page clones the one that can be seen
// (exec.cpp, add_calls_of_a_clone).
//
// A container in our own pid namespace can see every process of the host anyway.
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
