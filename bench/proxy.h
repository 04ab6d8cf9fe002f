// urc-bench proxy: what it costs to bring a port of the host to a container.
//
//   load (client) --127.0.0.1:PORT--> [forwarder] --> answer (another network namespace)
//
// Client and application are the harness' own (bench/load.c, bench/answer.c), so that nothing else need be
// there. All forwarders run all the time, idle but for the one that is measured; each round goes through all
// of them in an order drawn anew. See perf/method.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/forwarder.h"
#include "bench/report.h"
#include "uring/result.h"

namespace urc::bench {

struct ProxyOptions {
    std::vector<Way> ways;             // the rows
    std::string urc;                   // the program of the row `urc`
    std::string base = "rootlesskit";  // the row that the others are compared with
    std::string load, answer;          // the programs
    std::vector<std::string> measures = {"down", "up", "requests", "connect", "udp", "memory"};
    std::vector<unsigned> streams = {1, 8, 64};  // of down and up
    unsigned connections = 32;                   // of requests, connect and udp
    unsigned ports = 1000;                       // of memory
    unsigned run_ms = 2000;                      // each load
    unsigned runs = 5;                           // rounds
    unsigned warm_up = 1;
    std::uint64_t seed = 1;
};

// A report for each measure. Needs root, but for rows that do without.
Result<std::vector<Report>> run_proxy(const ProxyOptions& options);

}  // namespace urc::bench
