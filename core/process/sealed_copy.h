// The fallback for kernels without CONFIG_CHECKPOINT_RESTORE, where a process cannot leave its executable
// (child/last_page.h): urc goes on from a sealed copy of itself in memory, which nobody can write to.
#pragma once

#include "uring/result.h"

namespace urc::process {

// Whether this process executes such a copy already.
bool is_sealed_copy();

// Executes a sealed copy of the running program with the same arguments, environment and descriptors; returns
// only with an Error. To be called before anything is opened. Costs a copy of the binary, some hundred
// microseconds.
Error become_sealed_copy();

}  // namespace urc::process
