// The end of a container, shared by `delete`, by the foreground `run` and by the undo of `create`.
#pragma once

#include "core/log.h"
#include "core/runtime.h"
#include "core/state/state.h"
#include "core/state/store.h"

namespace urc {

// Whether the container's cgroup is frozen; false when there is no cgroup to ask.
bool is_frozen(const State& state);

// Kills what is still in the container (SIGKILL; thawed when frozen), waits until it is gone (at most 10 s),
// removes the cgroups that urc made, then the state directory, and runs the poststop hooks. The caller holds
// the lock of `dir`.
Result<void> destroy(const Global& global, StateDir& dir, const State& state);

// The same for who has given the lock up meanwhile. Nothing happens when somebody else has removed the
// container in between.
Result<void> lock_and_destroy(const Global& global, StateDir& dir);

}  // namespace urc
