// maskedPaths and readonlyPaths: mounts over what the container may not see or not write.
//
// The thing that is put over a masked file must be the null device and nothing else. It is opened on the
// host, before the pivot, and compared with 1:3: the container's own /dev/null may be a symlink to what is to
// be hidden (CVE-2025-31133). Masked directories share one empty read-only tmpfs.
#pragma once

#include "core/child/mount_plan.h"
#include "uring/result.h"

namespace urc::child {

// Before the pivot, when there is anything to mask.
Result<void> open_null(RootfsPlan& plan);

Result<void> make_readonly_paths(RootfsPlan& plan);
Result<void> make_masks(RootfsPlan& plan);

}  // namespace urc::child
