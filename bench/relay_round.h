// One row of `relay` in one round: N containers from their start to the check of their logs.
#pragma once

#include <vector>

#include "bench/gate.h"
#include "bench/monitors.h"
#include "bench/relay.h"
#include "bench/watched.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::bench {

struct RelayCost {
    double seconds = 0, up_seconds = 0, end_seconds = 0;
    double cpu_seconds = 0, life_cpu_seconds = 0;
    double idle_kib = 0, end_kib = 0;  // of one monitor
    bool has_monitor = false;
};

// All containers of one row in one round. What is still there when it goes is put away.
class RelayRound {
public:
    RelayRound(const RelayOptions& options, Monitor& monitor, std::vector<Place> places, Gate gate)
        : options_(options), monitor_(monitor), places_(std::move(places)), gate_(std::move(gate)) {}
    RelayRound(const RelayRound&) = delete;
    RelayRound& operator=(const RelayRound&) = delete;
    ~RelayRound();

    Result<RelayCost> run();

private:
    Result<void> start_all();
    Result<void> await_logs();
    Result<void> end_all();
    double cpu_seconds() const;
    double private_kib() const;

    const RelayOptions& options_;
    Monitor& monitor_;
    std::vector<Place> places_;
    Gate gate_;
    std::vector<Running> running_;
    std::vector<Fd> logs_;
    bool is_over_ = false;
    RelayCost cost_;
};

}  // namespace urc::bench
