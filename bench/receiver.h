// Receiver: the manager's end of sd_notify(3) in `urc-bench notify`. It notes when each datagram came, and
// which.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/gate.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::bench {

struct Received {
    std::uint64_t time_ns = 0;  // CLOCK_MONOTONIC, as recv(2) returned
    std::uint64_t number = 0;   // of STATUS=NUMBER; the how many-th it is, where all are READY=1
};

class Receiver {
public:
    // Binds a datagram socket at `path`, in place of what is there. `is_ready`: counts READY=1 and not
    // STATUS=; whatever else comes (a monitor's MAINPID, its barrier) is read and not counted.
    static Result<Receiver> create(const std::string& path, bool is_ready);

    // Until `count` have come, or the program has said `word` and nothing came for kQuietMs since. ETIME when
    // neither happens in time.
    Result<std::vector<Received>> collect(std::size_t count, Gate& gate, char word, int timeout_ms);

    static constexpr int kQuietMs = 300;

private:
    Receiver() = default;
    void take_all(std::vector<Received>& received);

    Fd socket_;
    bool is_ready_ = false;
    std::uint64_t ready_count_ = 0;
};

// How many came after one with a greater number.
std::size_t out_of_order(const std::vector<Received>& received);

}  // namespace urc::bench
