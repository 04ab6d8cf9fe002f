// What an update comes to: limits that are in force, and a few new ones.
//
// Fields that the kernel, or its arithmetic, ties together are written together (memory with swap; quota,
// period and burst); all others are written only when the update names them, so that what somebody else has
// changed in the cgroup meanwhile stays, and cannot make the update fail.
#pragma once

#include "core/spec/spec.h"

namespace urc::cgroup {

struct Merged {
    spec::Resources in_force;  // after the update: for state.json
    spec::Resources to_write;  // for Cgroup::apply()
};

// Zero means "not named" where it means "not set" in config.json (memory, swap, shares, quota, period,
// weights). Lifting the memory limit (-1) without a word about swap lifts that of swap as well.
Merged merge(const spec::Resources& in_force, const spec::Resources& change);

}  // namespace urc::cgroup
