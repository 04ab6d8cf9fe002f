// State as the text of state.json, and back. store.cpp is the only user beside the tests.
#pragma once

#include <string>

#include "core/state/state.h"
#include "uring/result.h"

namespace urc {

std::string write_state_json(const State& state);

// Unknown keys are passed over, missing ones leave the defaults; only `id` and `init_process_pid` must be
// there. `text` is taken by value: the parser wants some room behind it.
Result<State> parse_state_json(std::string text);

}  // namespace urc
