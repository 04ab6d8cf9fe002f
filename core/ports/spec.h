// Spec: one published port. A connection or datagram that reaches `host_port` of the host is carried to
// `child_port` in the container's network namespace.
//
//   [HOSTIP:]HOSTPORT:[CHILDIP:]PORT[/PROTOCOL][,handover][,max=N]
//
//   8080:80                          every address of the host, IPv4 and IPv6
//   127.0.0.1:8080:80/tcp            one address; [::1]:8080:80 is the same for IPv6
//   8080:10.0.2.100:80               an address inside, where the rule of choose_child_address() does not fit
//   8000-8010:9000-9010/udp          eleven ports; both ranges are of one length
//   :80 or 0:80                      a port of the host that is free: it is said which
//
// PROTOCOL is tcp (what stands when nothing does), udp, or one of them with 4 or 6 for a listener of that
// family alone. `handover` gives the listening socket to the container's program instead of relaying. `max`
// is how many connections, or clients of UDP, there are at once at most: further ones wait (TCP), or the one
// that has been idle longest makes room (UDP).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "uring/result.h"

namespace urc::ports {

enum class Protocol : std::uint8_t { tcp, tcp4, tcp6, udp, udp4, udp6 };

std::string_view protocol_name(Protocol protocol) noexcept;
std::optional<Protocol> protocol_named(std::string_view name) noexcept;

constexpr bool is_tcp(Protocol protocol) noexcept {
    return protocol <= Protocol::tcp6;
}

struct Spec {
    Protocol protocol = Protocol::tcp;
    std::string host_ip;          // without brackets, as inet_ntop writes it; empty: every address
    std::uint16_t host_port = 0;  // 0: one that is free
    std::string child_ip;         // the same; empty: choose_child_address() decides
    std::uint16_t child_port = 0;
    bool handover = false;
    std::uint16_t max = 0;  // 0: as many as there are descriptors for

    bool operator==(const Spec&) const = default;
};

// One word of `--publish`: as many specs as its range is long. Otherwise one line with the word and what is
// wrong with it.
Result<std::vector<Spec>> parse_publish(std::string_view text);

// The same checks for a spec that came in pieces, as in rootlesskit's API: the addresses are addresses and
// fit the protocol, the child's port is one. The addresses are rewritten as inet_ntop writes them.
Result<Spec> checked(Spec spec);

// Whether both would listen on one port of one address. Specs whose port is still to be picked never do.
bool overlaps(const Spec& one, const Spec& other) noexcept;

// EINVAL that names the first two that overlap.
Result<void> check_overlaps(std::span<const Spec> specs);

// `1.2.3.4:80`, `[::1]:80`; an empty address is written as `*`.
std::string address_text(std::string_view ip, std::uint16_t port);

// `127.0.0.1:8080 -> 10.0.2.100:80/tcp`; what is not known yet is written as `*`.
std::string spec_text(const Spec& spec);

}  // namespace urc::ports
