// A container as `state` and `list` show it.
#pragma once

#include "core/runtime.h"
#include "core/state/store.h"

namespace urc {

StateView make_view(const StateDir& dir, const State& state);

}  // namespace urc
