// The state of a container that is still being made: what its creator would leave behind if it were killed.
#pragma once

#include <string_view>

#include "core/cgroup/cgroup.h"
#include "core/state/store.h"

namespace urc {

// Saves `state`, without an init, with the cgroups (`group`, prepared but not made; null: none) and the unit
// of systemd that are about to be made. What is there already is left out: it may be another container's.
Result<void> save_announcement(StateDir& dir, State state, const cgroup::Cgroup* group,
                               std::string_view systemd_unit);

}  // namespace urc
