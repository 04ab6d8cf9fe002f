// The container's /dev: device nodes, links, /dev/console. All of it relative to one descriptor of the
// directory, which is refused when it is a symlink: an image's `/dev -> /somewhere` would have nodes made
// wherever it points (CVE-2026-41579, CVE-2026-47766).
#pragma once

#include "core/child/mount_plan.h"
#include "uring/result.h"

namespace urc::child {

// Nodes with mknod(2); where that is not allowed (user namespaces) the host's node is bound instead, after
// its number was compared. What is already there stays.
Result<void> make_devices(RootfsPlan& plan);

// /dev as a descriptor, made if it is missing. ENOTDIR for a symlink.
Result<void> open_dev(RootfsPlan& plan);

}  // namespace urc::child
