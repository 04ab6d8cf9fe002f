// Unreachable: what a client of a UDP port is told when nobody listens behind it in the container.
//
//   client             listening socket | flow's socket            container
//     |---- datagram ------------------>|---- datagram ----------->|   no socket has the port
//     |                                 |<--- ICMP ----------------|   on the flow's error queue (IP_RECVERR)
//     |<--- ICMP, from a raw socket ----|
//     `-- ECONNREFUSED
//
// A client without a proxy in between would be refused at once, and a resolver goes on to the next server
// then instead of waiting for a timeout. Only the kernel answers by ICMP of itself, and only for a port that
// has no socket, which ours has; so the message is written here: port unreachable, from the address that was
// asked, with the client's datagram quoted. That takes a raw socket and thereby CAP_NET_RAW in the namespace
// of the listener. Without it nothing can be told, by no means that there is: the client waits for its
// timeout.
//
// Strangers choose whom it goes to, by a forged sender. So it is never larger than kQuotedMax and its
// headers, and no more than kPerSecond are sent, which is the kernel's own limit
// (net.ipv4.icmp_msgs_per_sec). RFC 792, RFC 4443, raw(7), icmp(7).
#pragma once

#include <chrono>
#include <cstddef>
#include <span>

#include "core/ports/address.h"
#include "uring/fd.h"
#include "uring/loop.h"

namespace urc::ports {

class Unreachable {
public:
    // Of the payload.
    static constexpr std::size_t kQuotedMax = 512;
    static constexpr unsigned kPerSecond = 1000;

    explicit Unreachable(Loop& loop) noexcept : loop_(loop) {}

    // `host` is what the client asked, with the port; `datagram` what it sent there. EPERM: it takes a
    // capability that we lack. EAGAIN: too many were told already.
    Result<void> tell(const Address& client, const Address& host,
                      std::span<const std::byte> datagram) noexcept;

private:
    Result<int> socket_for(bool is_v6) noexcept;
    bool may_tell() noexcept;

    Loop& loop_;
    Fd v4_, v6_;  // from the first time on
    std::chrono::nanoseconds second_{0};
    unsigned told_ = 0;  // since then
};

}  // namespace urc::ports
