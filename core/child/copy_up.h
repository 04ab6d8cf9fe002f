// tmpcopyup: a new tmpfs begins with a copy of the directory that it hides.
//
// The directory is the image's, or a volume's that a neighbour may change meanwhile. So it is read through a
// private copy of its mount that is read-only, opens no device and follows no symlink, and every name is one
// component below a descriptor. The tmpfs is still detached: its names are ours alone.
#pragma once

#include <string_view>

#include "uring/result.h"

namespace urc::child {

// Copies everything below the directory `hidden` (O_PATH will do) into the empty file system `tmpfs`: files,
// directories, symlinks, fifos, sockets and device nodes with mode, owner, and the extended attributes that a
// copy may have. Mounts below are copied like directories. Every failure is an error, ENOSPC and an owner
// that this user namespace does not know (EINVAL) among them. The umask must be 0.
Result<void> copy_up(int hidden, int tmpfs, std::string_view step);

}  // namespace urc::child
