// What the network interfaces of a container have carried.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/state/state.h"

namespace urc {

struct InterfaceStats {
    std::string name;
    std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
    std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};

// The text of /proc/PID/net/dev (proc_pid_net(5)), without the loopback.
std::vector<InterfaceStats> parse_net_dev(std::string_view text);

// Those of the network namespace that `process` is in; none when it has ended.
std::vector<InterfaceStats> read_net_stats(const ProcessId& process);

}  // namespace urc
