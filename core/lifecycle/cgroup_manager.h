// Who makes a container's cgroup and keeps its limits: urc alone, or systemd with it (--systemd-cgroup).
#pragma once

#include "core/cgroup/cgroup.h"
#include "core/runtime.h"
#include "core/state/state.h"
#include "core/systemd/unit_name.h"

namespace urc {

// Which systemd the scopes are asked of: the user's where is_rootless().
systemd::Instance systemd_instance(const Global& global);

// Puts `resources` into force, in the cgroup's files and, so that they stay, in its unit. For an update they
// are the merged ones. After an error the unit is as before; what is in the files is for the caller to know.
Result<void> set_limits(const State& state, cgroup::Cgroup& group, const spec::Resources& resources,
                        cgroup::DeviceRules device_rules);

// Removes the cgroup, with its unit. All processes must be gone.
Result<void> remove_cgroup(const State& state, cgroup::Cgroup& group);

}  // namespace urc
