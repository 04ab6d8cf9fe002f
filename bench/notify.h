// urc-bench notify: what it costs to carry sd_notify(3) from a container to the manager that listens.
//
//   notify_blast --sendmsg--> [monitor's socket] --monitor--> the harness' socket
//
// Rows: `direct` (no monitor: the program sends to the harness' socket, the floor), `urc` (`urc run` in the
// foreground with NOTIFY_SOCKET set), conmon/RUNTIME (--sdnotify-socket). A burst, sent as fast as the socket
// takes it, gives the rate and the losses; single datagrams, each with the time of its sending, give the
// latency. conmon 2.1.6 passes on READY=1 and nothing else, so its rows and their counterparts send that; all
// others send STATUS=NUMBER, whose order is checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/report.h"
#include "bench/start.h"
#include "bench/view.h"
#include "uring/result.h"

namespace urc::bench {

struct NotifyOptions {
    std::string urc;                  // empty: no rows of it
    std::string conmon;               // empty: no rows of it
    std::vector<NamedPath> runtimes;  // a row each, below conmon
    std::string stamp, blast;         // the programs
    std::string config = "default";
    View view = View::host;
    unsigned burst = 10'000;
    unsigned singles = 1'000;
    unsigned gap_us = 500;  // before each single one
    unsigned runs = 5;      // rounds
    unsigned warm_up = 1;
    int timeout_ms = 20'000;  // for each step of a round
    std::uint64_t seed = 1;
};

// Makes this process a subreaper, and changes its mount namespace when options.view asks for it.
Result<Report> run_notify(const NotifyOptions& options);

}  // namespace urc::bench
