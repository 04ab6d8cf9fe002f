// TransparentRoutes: what brings the answers back when the application sees each client by its own address.
//
//   client 192.0.2.9          urc | network namespace of the container
//        |                        |
//        `--> listener -----> socket of the helper ------ SYN from 192.0.2.9 ------> application
//                             (IP_TRANSPARENT, SO_MARK)                                  |
//                                 ^--- table kTable: all is local <--- rule: marked <----' to 192.0.2.9
//
// An address of somebody else can be bound (IP_TRANSPARENT), but what is sent to it would leave by the
// default route. So the sockets are marked, tcp_fwmark_accept has the application's end of such a connection
// carry the same mark, and a rule has marked packets looked up in a table where every address is local. Who
// reaches the container on another way is answered as ever. ip(7), ip-rule(8), rtnetlink(7).
//
// A process in the namespace makes rule, route and setting, and takes them back when its socket is closed:
// when this ends, and also when urc is killed. It takes CAP_NET_ADMIN over the namespace, and keeps that
// alone. One at a time per namespace: a second one is refused with EEXIST.
#pragma once

#include <cstdint>

#include "uring/fd.h"
#include "uring/loop.h"

namespace urc::ports {

class TransparentRoutes {
public:
    static constexpr std::uint32_t kMark = 0x757263;
    static constexpr std::uint32_t kTable = 7500;
    // Before the main table's, so that its default route does not come first.
    static constexpr std::uint32_t kPriority = 99;

    // `network_namespace` is borrowed.
    TransparentRoutes(Loop& loop, int network_namespace) noexcept
        : loop_(loop), network_namespace_(network_namespace) {}
    TransparentRoutes(const TransparentRoutes&) = delete;
    TransparentRoutes& operator=(const TransparentRoutes&) = delete;
    // All is taken back when this returns.
    ~TransparentRoutes();

    // Comes back when all is there. The Error says what is missing, and then nothing is left.
    Task<void> start();

private:
    Loop& loop_;
    int network_namespace_;
    Pidfd pidfd_;
    Fd socket_;
};

}  // namespace urc::ports
