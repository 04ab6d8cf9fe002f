#include "core/ports/tcp.h"

#include <signal.h>

#include "tests/core/ports/publisher_fixture.h"
#include "uring/race.h"

namespace urc::ports {
namespace {

using TcpPort = PublisherTest;

std::string spec_to(const std::string& host, const Fd& server, const char* suffix = "") {
    return host + std::to_string(port_of(server.get())) + suffix;
}

Task<void> carries_both_ways(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    EXPECT_NE(spec.host_port, 0);
    EXPECT_EQ(spec.child_ip, "127.0.0.1");
    Ends ends = co_await connect_through(world, spec, listener);
    co_await send(world.loop, ends.client.get(), "ping");
    EXPECT_EQ(co_await receive(world.loop, ends.server.get(), 4), "ping");
    co_await send(world.loop, ends.server.get(), "pong!");
    EXPECT_EQ(co_await receive(world.loop, ends.client.get(), 5), "pong!");
    const auto entries = world.publisher.list();
    CO_ASSERT(entries.size() == 1U);
    EXPECT_EQ(entries[0].stats.connections, 1U);
    EXPECT_EQ(entries[0].stats.live, 1U);
    EXPECT_EQ(entries[0].stats.bytes_in, 4U);
    EXPECT_EQ(entries[0].stats.bytes_out, 5U);
    EXPECT_EQ(world.descriptors_in_use(), 2U) << "idle, it holds its two sockets and no pipe";
}

TEST_F(TcpPort, CarriesBytesBothWays) {
    play_scene(carries_both_ways);
}

Task<void> half_closes(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    for (const bool is_client_first : {true, false}) {
        Ends ends = co_await connect_through(world, spec, listener);
        const int first = is_client_first ? ends.client.get() : ends.server.get();
        const int second = is_client_first ? ends.server.get() : ends.client.get();
        co_await send(world.loop, first, "last words");
        EXPECT_EQ(::shutdown(first, SHUT_WR), 0);
        EXPECT_EQ(co_await receive(world.loop, second, 100), "last words");
        co_await send(world.loop, second, "answer");
        EXPECT_EQ(co_await receive(world.loop, first, 6), "answer");
        EXPECT_EQ(::shutdown(second, SHUT_WR), 0);
        EXPECT_EQ(co_await receive(world.loop, first, 100), "");
    }
    while (world.publisher.list()[0].stats.live > 0) co_await nop(world.loop);
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 0U);
    EXPECT_EQ(world.descriptors_in_use() % 2, 0U);
}

TEST_F(TcpPort, HandsOnTheEndOfEitherDirectionAlone) {
    play_scene(half_closes);
}

Task<void> is_refused(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const std::string text = spec_to("127.0.0.1:0:", listener);
    listener.reset();
    const Spec spec = world.open(text.c_str());
    Fd client = connect_to("127.0.0.1", spec.host_port);
    auto received = co_await settled(receive(world.loop, client.get(), 1));
    CO_ASSERT(!received.ok());
    EXPECT_EQ(received.error().code(), ECONNRESET);
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 1U);
}

TEST_F(TcpPort, ResetsAClientForWhomNobodyListens) {
    play_scene(is_refused);
}

void reset(Fd& socket) {
    const linger at_once{1, 0};
    EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    socket.reset();
}

Task<void> resets(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    for (const bool is_clients : {true, false}) {
        Ends ends = co_await connect_through(world, spec, listener);
        co_await send(world.loop, ends.client.get(), "x");
        EXPECT_EQ(co_await receive(world.loop, ends.server.get(), 1), "x");
        reset(is_clients ? ends.client : ends.server);
        const int other = is_clients ? ends.server.get() : ends.client.get();
        auto received = co_await settled(receive(world.loop, other, 1));
        CO_ASSERT(!received.ok());
        EXPECT_EQ(received.error().code(), ECONNRESET);
    }
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 2U);
}

TEST_F(TcpPort, HandsOnAResetInBothDirections) {
    play_scene(resets);
}

// The application does not read, so that nobody reads from the client either: its reset must be noticed all
// the same.
Task<void> reset_while_full(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    Ends ends = co_await connect_through(world, spec, listener);
    const std::string much(1 << 16, 'x');
    int idle_turns = 0;
    while (idle_turns < 100) {
        const ssize_t sent = ::send(ends.client.get(), much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        idle_turns = sent > 0 ? 0 : idle_turns + 1;
        co_await nop(world.loop);
    }
    reset(ends.client);
    while (world.publisher.list()[0].stats.live > 0) co_await poll(world.loop, ends.server.get(), POLLRDHUP);
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 1U);
}

TEST_F(TcpPort, NoticesAResetWhileTheOtherSideIsFull) {
    play_scene(reset_while_full);
}

constexpr std::size_t kMuch = 24 << 20;

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / 251 + i / 65537);
    return text;
}

Task<void> send_then_end(Loop& loop, int socket, const std::string& text) {
    co_await send(loop, socket, text);
    EXPECT_EQ(::shutdown(socket, SHUT_WR), 0);
}

Task<void> carries_much(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    Ends ends = co_await connect_through(world, spec, listener);
    const std::string up = pattern(kMuch);
    const std::string down = pattern(kMuch / 2);
    auto result = co_await all(world.loop, send_then_end(world.loop, ends.client.get(), up),
                               send_then_end(world.loop, ends.server.get(), down),
                               receive(world.loop, ends.server.get(), kMuch + 1),
                               receive(world.loop, ends.client.get(), kMuch + 1));
    EXPECT_TRUE(std::get<2>(result) == up) << "up: " << std::get<2>(result).size();
    EXPECT_TRUE(std::get<3>(result) == down) << "down: " << std::get<3>(result).size();
    EXPECT_GT(world.descriptors_in_use(), 2U) << "it was spliced by way of a pipe";
}

TEST_F(TcpPort, CarriesMuchInOrderBothWaysAtOnce) {
    play_scene(carries_much);
}

TEST_F(TcpPort, CarriesMuchWhereNoPipeIsToBeHad) {
    Setting setting;
    setting.descriptors = 3;
    auto scene = [](World& world) -> Task<void> {
        Fd listener = world.serve("127.0.0.1");
        const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
        Ends ends = co_await connect_through(world, spec, listener);
        const std::string up = pattern(kMuch);
        auto result = co_await all(world.loop, send_then_end(world.loop, ends.client.get(), up),
                                   receive(world.loop, ends.server.get(), kMuch + 1));
        EXPECT_TRUE(std::get<1>(result) == up);
        EXPECT_EQ(world.descriptors_in_use(), 2U);
    };
    play_scene(scene, std::move(setting));
}

Task<void> waits_for_room(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    Ends one = co_await connect_through(world, spec, listener);
    Ends two = co_await connect_through(world, spec, listener);
    Fd client = connect_to("127.0.0.1", spec.host_port);
    while (world.publisher.list()[0].stats.pauses == 0) co_await nop(world.loop);
    EXPECT_EQ(world.publisher.list()[0].stats.live, 2U);
    one.client.reset();
    one.server.reset();
    Fd server = co_await accept(world.loop, listener.get());
    co_await send(world.loop, client.get(), "x");
    EXPECT_EQ(co_await receive(world.loop, server.get(), 1), "x");
}

TEST_F(TcpPort, AtTheLimitOfDescriptorsClientsWaitAndAreServedLater) {
    Setting setting;
    setting.descriptors = 4;
    play_scene(waits_for_room, std::move(setting));
}

Task<void> counts_its_stock(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    Ends ends = co_await connect_through(world, spec, listener);
    while (world.publisher.sockets_stocked() < SocketStore::kStockMin) co_await nop(world.loop);
    EXPECT_EQ(world.descriptors.taken(), 2 + world.publisher.sockets_stocked());
}

TEST_F(TcpPort, SocketsInStockCountAsTaken) {
    play_scene(counts_its_stock);
}

// Sixteen connections take all there is; what is in stock has to go for the last one.
Task<void> takes_from_the_stock(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    std::vector<Ends> all;
    for (int i = 0; i < 16; ++i) all.push_back(co_await connect_through(world, spec, listener));
    for (const Ends& ends : all) {
        co_await send(world.loop, ends.client.get(), "x");
        EXPECT_EQ(co_await receive(world.loop, ends.server.get(), 1), "x");
    }
    EXPECT_EQ(world.publisher.list()[0].stats.live, 16U);
    EXPECT_EQ(world.publisher.sockets_stocked(), 0U);
    EXPECT_EQ(world.descriptors.taken(), world.descriptors.max());
}

TEST_F(TcpPort, SocketsInStockGoBeforeAClientHasToWait) {
    Setting setting;
    setting.descriptors = 2 * 16;
    play_scene(takes_from_the_stock, std::move(setting));
}

Task<void> loses_its_helper(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    Ends before = co_await connect_through(world, spec, listener);
    EXPECT_EQ(::kill(world.publisher.helper().pid(), SIGKILL), 0);
    for (unsigned i = 0; i < 3 * SocketStore::kStockMin; ++i) {
        Ends after = co_await connect_through(world, spec, listener);
        co_await send(world.loop, after.client.get(), "new");
        EXPECT_EQ(co_await receive(world.loop, after.server.get(), 3), "new");
    }
    co_await send(world.loop, before.client.get(), "old");
    EXPECT_EQ(co_await receive(world.loop, before.server.get(), 3), "old");
    EXPECT_EQ(world.publisher.helper_restarts(), 1U);
}

TEST_F(TcpPort, AHelperThatIsKilledIsReplacedAndNobodyNotices) {
    play_scene(loses_its_helper);
}

Task<void> loses_its_helper_in_the_middle(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    Ends ends = co_await connect_through(world, spec, listener);
    const std::string up = pattern(kMuch);
    auto kill_then_read = [](World& in, int server) -> Task<std::string> {
        std::string text = co_await receive(in.loop, server, kMuch / 3);
        EXPECT_EQ(::kill(in.publisher.helper().pid(), SIGKILL), 0);
        text += co_await receive(in.loop, server, kMuch);
        co_return std::move(text);
    };
    auto result = co_await all(world.loop, send_then_end(world.loop, ends.client.get(), up),
                               kill_then_read(world, ends.server.get()));
    EXPECT_TRUE(std::get<1>(result) == up) << std::get<1>(result).size();
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 0U);
}

TEST_F(TcpPort, AHelperThatIsKilledDisturbsNoTransfer) {
    play_scene(loses_its_helper_in_the_middle);
}

Task<void> has_a_maximum(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open((spec_to("127.0.0.1:0:", listener) + ",max=1").c_str());
    Ends ends = co_await connect_through(world, spec, listener);
    Fd second = connect_to("127.0.0.1", spec.host_port);
    co_await send(world.loop, second.get(), "y");
    while (world.publisher.list()[0].stats.pauses == 0) co_await nop(world.loop);
    EXPECT_EQ(world.publisher.list()[0].stats.live, 1U);
    EXPECT_EQ(world.publisher.list()[0].stats.connections, 1U);
    // The first one is served as before, and its end lets the second in.
    co_await send(world.loop, ends.client.get(), "x");
    EXPECT_EQ(co_await receive(world.loop, ends.server.get(), 1), "x");
    ends = Ends();
    co_await poll(world.loop, listener.get(), POLLIN);
    Fd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_EQ(co_await receive(world.loop, server.get(), 1), "y");
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 0U);
}

TEST_F(TcpPort, OneConnectionTooManyWaitsUntilAnotherEnds) {
    play_scene(has_a_maximum);
}

Task<void> is_removed(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    Ends ends = co_await connect_through(world, spec, listener);
    co_await world.publisher.remove(spec);
    EXPECT_TRUE(world.publisher.list().empty());
    auto again = co_await settled(world.publisher.remove(spec));
    EXPECT_FALSE(again.ok());

    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    AnyAddress address = address_of("127.0.0.1", spec.host_port);
    EXPECT_EQ(::connect(client.get(), &address.any, sizeof address.v4), -1);
    EXPECT_EQ(errno, ECONNREFUSED);
    // What was there goes on for a while.
    co_await send(world.loop, ends.client.get(), "x");
    EXPECT_EQ(co_await receive(world.loop, ends.server.get(), 1), "x");
    // The port is free at once.
    const Spec reopened = world.open(
        ("127.0.0.1:" + std::to_string(spec.host_port) + ":" + std::to_string(port_of(listener.get())))
            .c_str());
    EXPECT_EQ(reopened.host_port, spec.host_port);
}

TEST_F(TcpPort, RemovingClosesThePortAtOnceAndLetsConnectionsGoOn) {
    play_scene(is_removed);
}

// Until it is told that the connection is no more.
Task<int> send_until_error(Loop& loop, int socket) {
    const std::string much(1 << 16, 'x');
    for (;;) {
        auto sent = co_await settled(send(loop, socket, much));
        if (!sent.ok()) co_return sent.error().code();
    }
}

Task<int> receive_until_error(Loop& loop, int socket) {
    std::vector<std::byte> buffer(1 << 16);
    for (;;) {
        auto received = co_await settled(recv(loop, socket, buffer));
        if (!received.ok()) co_return received.error().code();
        if (*received == 0) co_return 0;
    }
}

// One connection is busy, one is idle, one waits for a reader that does not read.
Task<void> is_removed_under_load(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    Ends busy = co_await connect_through(world, spec, listener);
    Ends idle = co_await connect_through(world, spec, listener);
    Ends stuck = co_await connect_through(world, spec, listener);
    auto remove = [](World& in, Spec which) -> Task<void> {
        co_await in.publisher.remove(which);
        co_await in.publisher.until_empty();
    };
    auto codes = co_await all(world.loop, send_until_error(world.loop, busy.client.get()),
                              receive_until_error(world.loop, busy.server.get()),
                              receive_until_error(world.loop, idle.client.get()),
                              receive_until_error(world.loop, idle.server.get()),
                              send_until_error(world.loop, stuck.client.get()), remove(world, spec));
    // Nobody takes it for an orderly end.
    EXPECT_TRUE(std::get<0>(codes) == ECONNRESET || std::get<0>(codes) == EPIPE) << std::get<0>(codes);
    EXPECT_EQ(std::get<1>(codes), ECONNRESET);
    EXPECT_EQ(std::get<2>(codes), ECONNRESET);
    EXPECT_EQ(std::get<3>(codes), ECONNRESET);
    EXPECT_TRUE(std::get<4>(codes) == ECONNRESET || std::get<4>(codes) == EPIPE) << std::get<4>(codes);
    co_await receive_until_error(world.loop, stuck.server.get());
    EXPECT_EQ(world.publisher.list().size(), 0U);
}

TEST_F(TcpPort, ConnectionsOfARemovedPortAreResetWhenTheGraceIsOver) {
    Setting setting;
    setting.options.grace = std::chrono::milliseconds(50);
    play_scene(is_removed_under_load, std::move(setting));
}

Task<void> says_who_has_it(World& world) {
    Fd taken = serve_at("127.0.0.1");
    Spec spec;
    spec.host_ip = "127.0.0.1";
    spec.host_port = port_of(taken.get());
    spec.child_port = 80;
    auto added = world.publisher.add(spec);
    CO_ASSERT(!added.ok());
    const std::string text = added.error().text();
    EXPECT_NE(text.find("the port is in use, held by core_ports_test"), text.npos) << text;
    EXPECT_NE(text.find("(pid " + std::to_string(::getpid()) + ")"), text.npos) << text;
    spec.host_ip = "192.0.2.77";
    spec.host_port = 0;
    added = world.publisher.add(spec);
    CO_ASSERT(!added.ok());
    EXPECT_NE(added.error().text().find("the host has no such address"), text.npos);
    co_return;
}

TEST_F(TcpPort, APortInUseIsSaidWithWhoHasIt) {
    play_scene(says_who_has_it);
}

Task<void> speaks_v6(World& world) {
    Fd v6 = world.serve("::1");
    const Spec six = world.open(spec_to("[::1]:0:", v6).c_str());
    EXPECT_EQ(six.child_ip, "::1");
    Ends ends = co_await connect_through(world, six, v6, "::1");
    co_await send(world.loop, ends.client.get(), "six");
    EXPECT_EQ(co_await receive(world.loop, ends.server.get(), 3), "six");

    Fd v4 = world.serve("127.0.0.1");
    const Spec both = world.open(spec_to(":", v4).c_str());
    for (const char* host : {"127.0.0.1", "::1"}) {
        Ends through = co_await connect_through(world, both, v4, host);
        co_await send(world.loop, through.client.get(), host);
        EXPECT_EQ(co_await receive(world.loop, through.server.get(), std::string(host).size()), host);
    }
    const Spec only = world.open(spec_to("[::]:0:", v6, "/tcp6").c_str());
    EXPECT_EQ(only.child_ip, "::1");
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    AnyAddress address = address_of("127.0.0.1", only.host_port);
    EXPECT_EQ(::connect(client.get(), &address.any, sizeof address.v4), -1) << "tcp6 takes no IPv4";
}

TEST_F(TcpPort, SpeaksIpv6AndBothAtOnce) {
    play_scene(speaks_v6);
}

void give_lo_an_address(int network, const char* ip) {
    Inside inside(network);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo:1");
    AnyAddress address = address_of(ip, 0);
    std::memcpy(&request.ifr_addr, &address.v4, sizeof request.ifr_addr);
    Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::ioctl(socket.get(), SIOCSIFADDR, &request), 0);
}

std::string peer_of(int socket) {
    Address peer;
    socklen_t size = Address::kSizeMax;
    EXPECT_EQ(::getpeername(socket, peer.get(), &size), 0);
    return peer.ip();
}

// The address comes after the port was opened, as networks do.
Task<void> comes_from_elsewhere(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("0.0.0.0:0:", listener).c_str());
    give_lo_an_address(world.network, "10.99.0.5");
    const std::string host = find_host_gateway_ip();
    std::string seen = "127.0.0.1";
    // The notification is on its way.
    for (int i = 0; i < 100 && seen == "127.0.0.1"; ++i) {
        Ends ends = co_await connect_through(world, spec, listener, host);
        seen = peer_of(ends.server.get());
    }
    EXPECT_EQ(seen, "10.99.0.5");
    Ends local = co_await connect_through(world, spec, listener);
    EXPECT_EQ(peer_of(local.server.get()), "127.0.0.1");
}

TEST_F(TcpPort, AClientFromElsewhereIsNotTakenForALocalOne) {
    if (find_host_gateway_ip().empty()) GTEST_SKIP() << "the host has no address but loopback ones";
    play_scene(comes_from_elsewhere);
}

Task<void> says_who_comes(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(spec_to("127.0.0.1:0:", listener).c_str());
    Ends ends = co_await connect_through(world, spec, listener);
    const std::string expected = "PROXY TCP4 127.0.0.1 127.0.0.1 " +
                                 std::to_string(port_of(ends.client.get())) + " " +
                                 std::to_string(spec.host_port) + "\r\n";
    EXPECT_EQ(co_await receive(world.loop, ends.server.get(), expected.size()), expected);
    co_await send(world.loop, ends.client.get(), "x");
    EXPECT_EQ(co_await receive(world.loop, ends.server.get(), 1), "x");
}

TEST_F(TcpPort, APlainProxyHeaderGoesAheadOfTheFirstByte) {
    Setting setting;
    setting.options.proxy_header = ProxyHeader::v1;
    play_scene(says_who_comes, std::move(setting));
}

}  // namespace
}  // namespace urc::ports
