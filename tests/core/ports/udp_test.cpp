#include "core/ports/udp.h"

#include "tests/core/ports/udp_fixture.h"
#include "uring/race.h"

namespace urc::ports {

namespace {

using UdpPort = PublisherTest;

Task<void> keeps_clients_apart(World& world) {
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    const Spec spec = world.open(udp_spec("127.0.0.1:0:", server).c_str());
    Fd one = connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM);
    Fd two = connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM);
    say(one, "one");
    say(two, "two");
    for (int i = 0; i < 2; ++i) {
        const Datagram asked = co_await receive_datagram(world.loop, server.get());
        answer(server, asked.from, "to " + asked.text);
    }
    Datagram received = co_await receive_datagram(world.loop, two.get());
    EXPECT_EQ(received.text, "to two");
    received = co_await receive_datagram(world.loop, one.get());
    EXPECT_EQ(received.text, "to one");
    const std::string large(60'000, 'x');
    say(one, large);
    received = co_await receive_datagram(world.loop, server.get());
    EXPECT_EQ(received.text, large);
    say(one, "");
    received = co_await receive_datagram(world.loop, server.get());
    EXPECT_EQ(received.text, "");
    EXPECT_EQ(world.publisher.list()[0].stats.live, 2U);
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 0U);
}

TEST_F(UdpPort, EachClientGetsItsOwnAnswers) {
    play_scene(keeps_clients_apart);
}

// A connected client takes answers only from the address that it asked.
Task<void> answers_from_the_address_asked(World& world) {
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    const Spec spec = world.open(udp_spec(":", server).c_str());
    for (const char* host : {"127.0.0.1", "127.0.0.7", "::1"}) {
        Fd client = connect_to(host, spec.host_port, SOCK_DGRAM);
        say(client, host);
        Datagram received = co_await receive_datagram(world.loop, server.get());
        EXPECT_EQ(received.text, host);
        answer(server, received.from, "yes");
        received = co_await receive_datagram(world.loop, client.get());
        EXPECT_EQ(received.text, "yes");
        EXPECT_EQ(received.from.ip(), host);
    }
}

TEST_F(UdpPort, AnswersLeaveFromTheAddressThatWasAsked) {
    play_scene(answers_from_the_address_asked);
}

Task<void> takes_answers_from_another_address(World& world) {
    Fd server = world.serve("0.0.0.0", SOCK_DGRAM);
    Fd other;
    {
        Inside inside(world.network);
        // The same port by another address: what a service with two addresses does.
        const int one = 1;
        EXPECT_EQ(::setsockopt(server.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
        other = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::setsockopt(other.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
        const AnyAddress address = address_of("127.0.0.9", port_of(server.get()));
        EXPECT_EQ(::bind(other.get(), &address.any, sizeof address.v4), 0);
    }
    const Spec spec = world.open(udp_spec("127.0.0.1:0:", server).c_str());
    Fd client = connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM);
    say(client, "x");
    const Datagram asked = co_await receive_datagram(world.loop, server.get());
    answer(other, asked.from, "from elsewhere");
    const Datagram received = co_await receive_datagram(world.loop, client.get());
    EXPECT_EQ(received.text, "from elsewhere");
}

TEST_F(UdpPort, AServiceMayAnswerFromAnotherOfItsAddresses) {
    play_scene(takes_answers_from_another_address);
}

Task<void> others_are_not_heard(World& world) {
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    Fd stranger = world.serve("127.0.0.1", SOCK_DGRAM);
    const Spec spec = world.open(udp_spec("127.0.0.1:0:", server).c_str());
    Fd client = connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM);
    say(client, "x");
    const Datagram asked = co_await receive_datagram(world.loop, server.get());
    answer(stranger, asked.from, "lies");
    answer(server, asked.from, "truth");
    const Datagram received = co_await receive_datagram(world.loop, client.get());
    EXPECT_EQ(received.text, "truth");
}

TEST_F(UdpPort, WhatComesFromAnotherPortIsNoAnswer) {
    play_scene(others_are_not_heard);
}

Task<void> backend_is_dead(World& world) {
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    const std::uint16_t port = port_of(server.get());
    const Spec spec = world.open(udp_spec("127.0.0.1:0:", server).c_str());
    server.reset();
    Fd client = connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM);
    say(client, "lost");
    EXPECT_EQ(co_await next_error(world.loop, client), ECONNREFUSED);
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 1U);
    {
        Inside inside(world.network);
        server = serve_at("127.0.0.1", SOCK_DGRAM, port);
    }
    say(client, "found");
    const Datagram received = co_await receive_datagram(world.loop, server.get());
    EXPECT_EQ(received.text, "found");
}

TEST_F(UdpPort, AServiceThatWasNotThereIsCountedAndFoundLater) {
    play_scene(backend_is_dead);
}

Task<void> ends_when_idle(World& world) {
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    const Spec spec = world.open(udp_spec("127.0.0.1:0:", server).c_str());
    Fd client = connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM);
    say(client, "x");
    co_await receive_datagram(world.loop, server.get());
    EXPECT_EQ(world.descriptors_in_use(), 1U);
    while (world.publisher.list()[0].stats.live > 0) co_await sleep(world.loop, std::chrono::milliseconds(5));
    EXPECT_EQ(world.descriptors_in_use(), 0U);
    say(client, "again");
    const Datagram received = co_await receive_datagram(world.loop, server.get());
    EXPECT_EQ(received.text, "again");
}

TEST_F(UdpPort, AnIdleFlowEndsAndBeginsAnew) {
    Setting setting;
    setting.options.udp_idle = std::chrono::milliseconds(40);
    play_scene(ends_when_idle, std::move(setting));
}

Task<void> is_bounded(World& world) {
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    const Spec spec = world.open(udp_spec("127.0.0.1:0:", server).c_str());
    std::vector<Fd> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM));
        // The first datagram of one too many makes room; the second finds it.
        const std::string name = std::to_string(i);
        for (;;) {
            say(clients.back(), name);
            auto received = co_await settled(within(world.loop, std::chrono::milliseconds(20),
                                                    receive_datagram(world.loop, server.get())));
            // Else the one before was late.
            if (received.ok() && received->text == name) break;
        }
    }
    EXPECT_LE(world.descriptors_in_use(), 3U);
    EXPECT_GT(world.publisher.list()[0].stats.connections, 7U);
    co_await world.publisher.remove(spec);
    EXPECT_EQ(world.descriptors_in_use(), 0U);
}

TEST_F(UdpPort, MoreClientsThanThereIsRoomForReplaceTheIdleOnes) {
    Setting setting;
    setting.descriptors = 3;
    play_scene(is_bounded, std::move(setting));
}

Task<void> has_a_maximum_of_clients(World& world) {
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    const Spec spec = world.open((udp_spec("127.0.0.1:0:", server) + ",max=2").c_str());
    std::vector<Fd> clients;
    for (int i = 0; i < 2; ++i) {
        clients.push_back(connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM));
        say(clients.back(), "x");
        co_await receive_datagram(world.loop, server.get());
    }
    EXPECT_EQ(world.publisher.list()[0].stats.live, 2U);
    // There is no room for the datagram of a third, which makes some: the client that was idle longest goes.
    clients.push_back(connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM));
    say(clients.back(), "x");
    while (world.publisher.list()[0].stats.live == 2) co_await nop(world.loop);
    say(clients.back(), "y");
    auto received = co_await receive_datagram(world.loop, server.get());
    EXPECT_EQ(received.text, "y");
    EXPECT_EQ(world.publisher.list()[0].stats.live, 2U);
}

TEST_F(UdpPort, OneClientMoreThanItsMaximumReplacesTheOneThatWasIdleLongest) {
    play_scene(has_a_maximum_of_clients);
}

// A socket that nobody needs now is in stock afterwards.
Task<void> connects_once(World& world) {
    Fd listener = world.serve("127.0.0.1");
    const Spec spec = world.open(("127.0.0.1:0:" + std::to_string(port_of(listener.get())) + "/tcp").c_str());
    Ends ends = co_await connect_through(world, spec, listener);
    while (world.publisher.sockets_stocked() == 0) co_await nop(world.loop);
}

// As many clients as descriptors; what is in stock goes for the last one.
Task<void> takes_its_socket_from_the_stock(World& world) {
    co_await connects_once(world);
    while (world.descriptors_in_use() > 0) co_await nop(world.loop);
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    const Spec spec = world.open(udp_spec("127.0.0.1:0:", server).c_str());
    std::vector<Fd> clients;
    for (int i = 0; i < 16; ++i) {
        clients.push_back(connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM));
        say(clients.back(), "x");
        co_await receive_datagram(world.loop, server.get());
    }
    const Stats stats = world.publisher.list().back().stats;
    EXPECT_EQ(stats.live, 16U);
    EXPECT_EQ(stats.errors, 0U);
}

TEST_F(UdpPort, SocketsInStockGoBeforeAClientIsRefused) {
    Setting setting;
    setting.descriptors = 16;
    play_scene(takes_its_socket_from_the_stock, std::move(setting));
}

}  // namespace
}  // namespace urc::ports
