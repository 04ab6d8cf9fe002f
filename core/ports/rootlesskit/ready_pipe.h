// .bp-ready.pipe: how rootlesskit's parent learns that the child listens. The parent makes the FIFO, opens it
// for reading, which waits for a writer, and then reads until there is none any more; nothing is ever
// written.
//
//   parent   mkfifo   open(O_RDONLY) ............ read -> end: connects to .bp.sock
//   child             listens   waits for the reader   closes
#pragma once

#include "uring/loop.h"
#include "uring/task.h"

namespace urc::ports::rootlesskit {

// The child's part, once it listens. Comes back when the parent has been told; at once where there is no
// FIFO, since then nobody waits for it. `directory` is borrowed.
Task<void> tell_ready(Loop& loop, int directory);

}  // namespace urc::ports::rootlesskit
