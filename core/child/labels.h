// The labels of the Linux security modules that a process gets with its execve: process.apparmorProfile and
// process.selinuxLabel. For the container's init and for exec'd processes alike.
//
// A label is a wish written to /proc/self/attr, which the kernel grants at the next execve (apparmor(7),
// selinux(8)). Written to the wrong file it would be granted never and nobody would notice (CVE-2019-16884),
// so it goes through a Procfs, before the container's own /proc can be in the way.
#pragma once

#include <string>

#include "core/child/procfs.h"
#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::child {

bool is_apparmor_enabled();
bool is_selinux_enabled();

// In the parent, before anything is made: an Error when a label is asked for and its module is not there. The
// profile "unconfined" is granted without AppArmor, too.
Result<void> check_labels(const spec::Process& process);

inline bool has_labels(const spec::Process& process) {
    return !process.apparmor_profile.empty() || !process.selinux_label.empty();
}

// In the child: the labels count from its next execve on, and for what it starts until then. `procfs` shows
// the pid namespace of the caller.
Result<void> set_labels(const Procfs& procfs, const spec::Process& process);

// What label the keys and keyrings have that are made from here on; empty: the default again (SELinux).
Result<void> set_key_label(const Procfs& procfs, const std::string& label);

}  // namespace urc::child
