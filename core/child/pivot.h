// How the rootfs becomes the root.
//
// A copy of the rootfs (open_tree) is attached on top of "/" and filled there. Nothing has to be looked up
// for that, so a rootfs that only the real root can reach works as well; and path names of the host go on to
// mean the host, since a lookup that begins at "/" does not see what is mounted on it. pivot_root(".", ".")
// then swaps the two, and the old root is detached from below our feet (pivot_root(2)).
//
// With rootfsPropagation `shared` "/" stays shared with the host and nothing may be attached to it: then the
// copy goes onto the rootfs directory itself, and the mount that this lies on is made private. It goes there
// for hooks, too: those of the creation work in the container's mount namespace on the path of the rootfs,
// and what they mount below it has to be in the container afterwards; and who joins the namespace by setns(2)
// finds itself in whatever is mounted on "/".
#pragma once

#include "core/child/mount_plan.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::child {

// The mount that `directory` lies on (the first one, going up, that is the root of a mount) becomes private:
// nothing that is mounted on it is seen elsewhere.
Result<void> make_mount_private(Fd directory);

// Opens plan.root and attaches it.
Result<void> attach_root(RootfsPlan& plan);

}  // namespace urc::child
