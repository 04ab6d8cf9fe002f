// What resctrl tells of a container: its shares, those of everybody, and what its threads use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json_writer.h"
#include "core/rdt/group.h"

namespace urc::rdt {

// All of it is empty or zero where the processor cannot tell.
struct Stats {
    struct Domain {
        std::uint64_t occupancy = 0, total_bytes = 0, local_bytes = 0;
    };

    bool shares_cache = false, shares_bandwidth = false;
    bool watches_occupancy = false, watches_bandwidth = false;
    std::string cache_mask;  // hexadecimal
    std::uint64_t cache_bits_min = 0, cache_groups = 0;
    std::uint64_t bandwidth_step = 0, bandwidth_delay_linear = 0, bandwidth_min = 0, bandwidth_groups = 0;
    std::string cache_root, cache, bandwidth_root, bandwidth;  // lines of the schemata
    std::vector<std::string> schemata;                         // all lines
    std::vector<Domain> domains;                               // in the order of their names
};

// Nothing where there is no group, or no resctrl any more.
Stats read_stats(const Host& host, const Group& group);

// The members of "intel_rdt" in runc's events, into the object that is open.
void write_stats(JsonWriter& json, const Stats& stats);

}  // namespace urc::rdt
