// What a subreaper (PR_SET_CHILD_SUBREAPER) inherits: the orphans of a container without a pid namespace.
#pragma once

#include <sys/types.h>

namespace urc::process {

// Reaps every child that has ended, up to `except`, which is left to its pidfd.
void reap_orphans(pid_t except);

}  // namespace urc::process
