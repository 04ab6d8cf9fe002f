#include "core/monitor/port_packet.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "uring/check.h"

namespace urc::monitor {

namespace {

void pack_text(std::span<char> into, const std::string& text) {
    URC_CHECK(text.size() < into.size());
    std::ranges::copy(text, into.begin());
}

std::optional<std::string> unpack_text(std::span<const char> from) {
    const auto end = std::ranges::find(from, '\0');
    if (end == from.end()) return std::nullopt;
    return std::string(from.begin(), end);
}

}  // namespace

Port pack_port(const ports::Spec& spec, const ports::Stats& stats) {
    Port port;
    port.protocol = static_cast<std::uint8_t>(spec.protocol);
    port.is_handover = spec.handover;
    port.host_port = spec.host_port;
    port.child_port = spec.child_port;
    port.max = spec.max;
    pack_text(port.host_ip, spec.host_ip);
    pack_text(port.child_ip, spec.child_ip);
    port.connections = stats.connections;
    port.live = stats.live;
    port.bytes_in = stats.bytes_in;
    port.bytes_out = stats.bytes_out;
    port.errors = stats.errors;
    port.pauses = stats.pauses;
    return port;
}

std::optional<ports::Spec> unpack_spec(const Port& port) {
    auto host_ip = unpack_text(port.host_ip);
    auto child_ip = unpack_text(port.child_ip);
    if (!host_ip || !child_ip || port.protocol > static_cast<std::uint8_t>(ports::Protocol::udp6))
        return std::nullopt;
    ports::Spec spec;
    spec.protocol = static_cast<ports::Protocol>(port.protocol);
    spec.host_ip = std::move(*host_ip);
    spec.host_port = port.host_port;
    spec.child_ip = std::move(*child_ip);
    spec.child_port = port.child_port;
    spec.handover = port.is_handover != 0;
    spec.max = port.max;
    return spec;
}

ports::Stats unpack_stats(const Port& port) {
    ports::Stats stats;
    stats.connections = port.connections;
    stats.live = port.live;
    stats.bytes_in = port.bytes_in;
    stats.bytes_out = port.bytes_out;
    stats.errors = port.errors;
    stats.pauses = port.pauses;
    return stats;
}

}  // namespace urc::monitor
