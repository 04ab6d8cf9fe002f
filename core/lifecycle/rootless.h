// What a caller without the host's root may do without.
#pragma once

#include "core/runtime.h"

namespace urc {

// Whether a missing right to write cgroups and the like is forgiven, as long as nothing is asked for that
// needs it: as --rootless says; by itself, for everybody but the host's root, and, with the systemd cgroup
// manager, the root whose own systemd runs here (a machine in a user namespace).
bool is_rootless(const Global& global);

}  // namespace urc
