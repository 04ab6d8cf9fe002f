// urc-bench density: what one more idle container costs, and how many there can be.
//
//   each round, each row:  start N containers, one after the other; a second of rest; look at the memory; end
//   them all
//
// Rows: a runtime that leaves the container to itself (`RUNTIME run -d`), `urc run -d` with a log driver,
// conmon with a runtime below it. The program sleeps. When one cannot be started, the row says which one and
// why, and its numbers are of those before it. See perf/method.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/report.h"
#include "bench/start.h"
#include "bench/view.h"
#include "uring/result.h"

namespace urc::bench {

struct DensityOptions {
    std::vector<NamedPath> runtimes;  // a row each, and one below conmon
    std::string conmon;               // empty: no rows of it
    std::string urc;                  // empty: no row with a log driver
    std::string stamp;                // for the bundle
    std::string config = "default";
    View view = View::host;
    unsigned containers = 200;
    unsigned runs = 1;
    unsigned warm_up = 0;
    unsigned settle_ms = 1000;
    std::uint64_t seed = 1;
};

// Makes this process a subreaper, and changes its mount namespace when options.view asks for it.
Result<Report> run_density(const DensityOptions& options);

}  // namespace urc::bench
