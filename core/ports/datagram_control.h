// What comes and goes beside a datagram's bytes: the address of ours that it was sent to, or leaves from, and
// of what size the datagrams are that go as one message. cmsg(3), ip(7), ipv6(7), udp(7).
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/ports/address.h"

namespace urc::ports {

// For whichever of them come together.
struct DatagramControl {
    static constexpr std::size_t kSize =
        CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(int));
    alignas(cmsghdr) std::array<char, kSize> bytes;
};

// Has a socket's datagrams come with the address that they were sent to.
void receive_hosts(int socket) noexcept;

// The address of ours that a datagram was sent to; without a port.
Address host_of(msghdr& message) noexcept;

// Has a datagram leave from `host`. `control` is where what `message` has already is.
void put_host(msghdr& message, DatagramControl& control, const Address& host) noexcept;

// Of what size the datagrams of a message are, the last of which may be shorter. 0: it is one datagram.
std::size_t segment_of(msghdr& message) noexcept;

// Has a message go as datagrams of `size`.
void put_segment(msghdr& message, DatagramControl& control, std::uint16_t size) noexcept;

}  // namespace urc::ports
