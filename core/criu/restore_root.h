// The root that criu restores into.
//
// criu wants its root to be a mount point that nothing covers. It gets one in a mount namespace of its own,
// where a copy of the rootfs lies over the (there) unused state directory: nothing is mounted on the host,
// so nothing is left there whatever happens to criu and to us.
#pragma once

#include <string>

#include "core/child/mount_plan.h"
#include "uring/result.h"

namespace urc::criu {

// In a new mount namespace, before criu is executed: makes the mount points that the container's mounts need
// in the rootfs (and in volumes, for mounts inside of those), as a create does, and puts the rootfs over
// `place`, an absolute path without symlinks.
Result<void> prepare_restore_root(const child::RootfsPlan& plan, const std::string& place);

}  // namespace urc::criu
