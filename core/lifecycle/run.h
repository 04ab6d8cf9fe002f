// The foreground of a container, for `run` and `restore`.
#pragma once

#include <optional>

#include "core/lifecycle/foreground.h"
#include "core/lifecycle/launch.h"
#include "core/runtime.h"

namespace urc::monitor {
class Attendant;
}

namespace urc {

// Before the container is there. Nothing when it is to be detached.
Result<std::optional<Foreground>> enter_foreground(const Global& global, const CreateOptions& options);

// Stays until the container ends, and removes it unless it is to be kept. Its exit status. `attendant`: goes
// on beside it (nullptr: nothing).
Result<int> attend(const Global& global, Foreground& foreground, Launched& container, bool keep,
                   monitor::Attendant* attendant = nullptr);

}  // namespace urc
