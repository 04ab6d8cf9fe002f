// How a scenario is run under the simulated kernel, many seeds each. URC_SIM_SEEDS says how many (default
// 200); URC_SIM_SEED runs a single one: the number that a failure prints.
#pragma once

#include "tests/sim/sim_backend.h"
#include "tests/uring/loop_fixture.h"
#include "uring/task.h"

namespace urc {

// What one run of a scenario gets.
struct World {
    Loop& loop;
    Random random;
    bool has_errors;  // any call may fail with any errno
};
using Scenario = Task<void> (*)(World&);

// Runs `scenario` for all seeds. With errors it may end with any Error, but it must end, with nothing left;
// without, it must succeed. Returns what the seeds have come across.
SimBackend::Seen simulate(Scenario scenario, unsigned error_permille);

// The byte at a position of one of several streams, so that a lost, doubled or strayed byte is noticed.
inline std::byte pattern(std::size_t position, std::size_t stream) {
    return static_cast<std::byte>((position * 7 + stream * 13 + position / 251) & 0xff);
}

}  // namespace urc
