// The mounts of the configuration, in its order: each is made detached (fsmount, open_tree), given its
// attributes while nobody can see it, and then moved to its place. Errors read `mount WHAT on WHERE: ...`.
#pragma once

#include <string>

#include "core/child/mount_plan.h"
#include "uring/result.h"

namespace urc::child {

Result<void> make_mounts(RootfsPlan& plan);

// `mount SOURCE on DESTINATION` for binds, `mount TYPE on DESTINATION` for the rest.
std::string mount_step_name(const MountStep& step);

// cgroup_mount.cpp: a mount of type `cgroup` at `target`.
Result<void> mount_cgroup(RootfsPlan& plan, const MountStep& step, int target);

}  // namespace urc::child
