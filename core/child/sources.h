// The sources of bind mounts: who opens them, and with which ids they are shown.
//
//   no user namespace   the child opens a source and maps its ids, in its own mount namespace
//   user namespace      the parent opens all, since the container's root may not reach them, and maps the
//   ids, since
//                       only who owns the file system may; the child opens again what it can reach (rootfs.h)
#pragma once

#include "core/child/mount_calls.h"
#include "core/child/mount_plan.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::child {

// How much of its source a bind shows.
Tree bind_tree(const MountStep& step);

// In the child: a detached copy of the source of a bind, its ids mapped.
Result<Fd> open_source(const RootfsPlan& plan, MountStep& step);

}  // namespace urc::child
