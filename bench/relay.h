// urc-bench relay: what it costs to carry a container's output into a log.
//
//   each round, each row:  start N containers, wait until all programs are up, look at the idle monitors,
//                          let all go at once; when the last line stands in every log, look again, let the
//                          programs end, wait for the monitors' end, check every log line by line
//
// The time runs from the go to the last line in the last log. CPU is the monitors' alone, between the same
// two moments, and once for their whole lives. See perf/method.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/line_log.h"
#include "bench/report.h"
#include "bench/start.h"
#include "bench/view.h"
#include "uring/result.h"

namespace urc::bench {

struct RelayOptions {
    std::string conmon;               // empty: no rows of it
    std::vector<NamedPath> runtimes;  // a row each, below conmon
    std::string urc;                  // empty: no rows of it
    std::vector<std::string> drivers = {"k8s-file", "raw-file"};
    bool is_bare = false;            // the rows without a container: file, copy, conmon/bare
    std::string stamp, lines, copy;  // the programs
    std::string config = "default";
    View view = View::host;
    Lines log = {.count = 1'000'000, .size = 80};
    bool is_block = true;  // as many lines a write as fit; otherwise one
    unsigned per_s = 0;    // lines a second of each container, one a write; 0: no pace
    unsigned containers = 1;
    unsigned runs = 5;  // rounds
    unsigned warm_up = 1;
    unsigned settle_ms = 200;  // between the last program's being up and the look at idle monitors
    int timeout_ms = 120'000;
    std::uint64_t seed = 1;
};

// Makes this process a subreaper, and changes its mount namespace when options.view asks for it.
Result<Report> run_relay(const RelayOptions& options);

}  // namespace urc::bench
