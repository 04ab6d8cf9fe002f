// urc-bench start: how long from the launch of a runtime to the first instruction of the container's program,
// and how many containers a second a machine starts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/report.h"
#include "bench/view.h"
#include "uring/result.h"

namespace urc::bench {

struct NamedPath {
    std::string name;
    std::string path;
};

struct StartOptions {
    std::vector<NamedPath> runtimes;
    std::vector<NamedPath> preloads;  // runtime's name, library for LD_PRELOAD
    std::string floor;                // empty: no such row
    std::string stamp;
    std::string config = "default";
    View view = View::host;
    unsigned runs = 100;
    unsigned warm_up = 5;
    unsigned gap_ms = 3;
    std::vector<unsigned> in_flight;  // empty: latency, one at a time
    unsigned block = 40;              // containers in one block of the throughput mode
    std::uint64_t seed = 1;
};

// Changes the mount namespace of this process when options.view asks for it.
Result<Report> run_start(const StartOptions& options);

}  // namespace urc::bench
