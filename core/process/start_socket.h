// The socket in a state directory on which a created container's init waits for `urc start`. It is there from
// create to start, and its presence is what makes a live container "created". The init answers a failing
// execve on the same connection, so that `start` tells it; the end of the connection is success.
#pragma once

#include "core/process/channel.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::process {

// A listening SOCK_SEQPACKET socket at `name` in the directory `dir`, for nobody but the owner of the
// directory.
Result<Fd> listen_at(int dir, const char* name);

// ECONNREFUSED when nobody waits any more.
Result<Channel> connect_at(int dir, const char* name);

}  // namespace urc::process
