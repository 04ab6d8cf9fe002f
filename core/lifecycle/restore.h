// The part of `restore` that ends with a running container, for restore() and for its tests.
#pragma once

#include <string_view>
#include <vector>

#include "core/lifecycle/launch.h"
#include "core/runtime.h"

namespace urc {

// On error nothing is left: no process, cgroup, mount or state directory. `hook` sees every step, and every
// notification of criu, by name before it is acted on; what it returns as an Error happens there (tests).
Result<Launched> restore_processes(const Global& global, const RestoreOptions& options,
                                   const child::StepHook& hook = {});

// The names of the steps in order, for tests that make each one fail.
std::vector<std::string_view> restore_step_names();

}  // namespace urc
