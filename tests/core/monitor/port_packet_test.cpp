// A published port on its way over monitor.sock.
#include "core/monitor/port_packet.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace urc::monitor {
namespace {

TEST(PortPacket, ASpecOfEveryProtocolComesBack) {
    using ports::Protocol;
    for (Protocol protocol :
         {Protocol::tcp, Protocol::tcp4, Protocol::tcp6, Protocol::udp, Protocol::udp4, Protocol::udp6}) {
        ports::Spec spec{.protocol = protocol,
                         .host_ip = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
                         .host_port = 65535,
                         .child_ip = "10.0.2.100",
                         .child_port = 1,
                         .handover = protocol == Protocol::udp,
                         .max = 65535};
        const auto back = unpack_spec(pack_port(spec));
        ASSERT_TRUE(back);
        EXPECT_EQ(*back, spec);
    }
    EXPECT_EQ(*unpack_spec(pack_port({})), ports::Spec());
}

TEST(PortPacket, EveryNumberComesBack) {
    const ports::Stats stats{
        .connections = 1, .live = 2, .bytes_in = 3, .bytes_out = ~std::uint64_t{0}, .errors = 5, .pauses = 6};
    const ports::Stats back = unpack_stats(pack_port({}, stats));
    EXPECT_EQ(back.connections, 1U);
    EXPECT_EQ(back.live, 2U);
    EXPECT_EQ(back.bytes_in, 3U);
    EXPECT_EQ(back.bytes_out, ~std::uint64_t{0});
    EXPECT_EQ(back.errors, 5U);
    EXPECT_EQ(back.pauses, 6U);
}

TEST(PortPacket, AnAddressWithoutAnEndOrAnUnknownProtocolIsNone) {
    Port port = pack_port({});
    std::ranges::fill(port.host_ip, '1');
    EXPECT_FALSE(unpack_spec(port));
    port = pack_port({});
    std::ranges::fill(port.child_ip, '1');
    EXPECT_FALSE(unpack_spec(port));
    port = pack_port({});
    port.protocol = 6;
    EXPECT_FALSE(unpack_spec(port));
}

}  // namespace
}  // namespace urc::monitor
