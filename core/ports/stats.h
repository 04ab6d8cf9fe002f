// What a published port has seen.
#pragma once

#include <cstdint>

namespace urc::ports {

struct Stats {
    std::uint64_t connections = 0;  // ever; UDP: flows
    std::uint64_t live = 0;
    std::uint64_t bytes_in = 0;   // to the container
    std::uint64_t bytes_out = 0;  // from it
    std::uint64_t errors = 0;     // connections that were not made or did not end well; datagrams lost
    std::uint64_t pauses = 0;     // accepting had to wait for a descriptor
};

}  // namespace urc::ports
