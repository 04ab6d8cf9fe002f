// The foreground relay between the caller's terminal and the container's.
#pragma once

#include "uring/loop.h"

namespace urc::terminal {

// From `in` to `master`, which must not block (O_NONBLOCK), until the end of `in`.
Task<void> relay_input(Loop& loop, int in, int master);

// From `master` to `out`, until the container's side has been closed by its last holder.
Task<void> relay_output(Loop& loop, int master, int out);

// What is still to be read from `master` now that the container has ended, without waiting for more:
// processes that it left behind may hold the other side open for ever.
void drain_output(int master, int out);

}  // namespace urc::terminal
