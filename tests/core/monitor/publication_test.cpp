// The ports of a container as its attendant has them, and the packets of `urc port`. The container is a
// network namespace with a service in it.
#include "core/monitor/publication.h"

#include <gtest/gtest.h>

#include "core/monitor/port_packet.h"
#include "tests/core/monitor/control_fixture.h"
#include "tests/core/ports/network_fixture.h"

namespace urc::monitor {
namespace {

ports::Spec spec_of(std::string_view text) {
    auto specs = ports::parse_publish(text);
    EXPECT_TRUE(specs.ok()) << text;
    return specs.ok() ? specs->front() : ports::Spec();
}

Fd duplicate(int fd) {
    return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

class MonitorPublication : public ports::NetworkTest {
protected:
    void SetUp() override {
        NetworkTest::SetUp();
        if (!IsSkipped()) publication_ = std::make_unique<Publication>(loop(), log_);
    }
    void TearDown() override {
        publication_.reset();
        NetworkTest::TearDown();
    }

    Publication& publication() { return *publication_; }
    // Publishes a port from the start; the port that was chosen.
    std::uint16_t bind(const char* text) {
        const ports::Spec spec = spec_of(text);
        auto bound = ports::bind_ports(std::span(&spec, 1));
        EXPECT_TRUE(bound.ok());
        const std::uint16_t port = bound->front().spec.host_port;
        publication().set_bound(std::move(*bound));
        publication().take(duplicate(network()), nullptr);
        return port;
    }
    Fd serve_inside(std::uint16_t port) {
        ports::Inside inside(network());
        Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        auto address = ports::address_of("127.0.0.1", port);
        EXPECT_EQ(::bind(socket.get(), &address.any, sizeof address.v4), 0);
        EXPECT_EQ(::listen(socket.get(), 8), 0);
        return socket;
    }
    Fd connect_here(std::uint16_t port) {
        Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        auto address = ports::address_of("127.0.0.1", port);
        return ::connect(socket.get(), &address.any, sizeof address.v4) == 0 ? std::move(socket) : Fd();
    }
    void beside_publication(Task<void> task) {
        auto ended = run(race(loop(), publication().serve(), std::move(task)));
        ASSERT_TRUE(ended.ok()) << ended.error().text();
    }
    Task<std::string> text_from(int socket) {
        std::string text(64, '\0');
        const std::size_t got = co_await recv(loop(), socket, std::as_writable_bytes(std::span(text)));
        text.resize(got);
        co_return text;
    }

    // One connection from end to end.
    Task<void> carry(std::uint16_t host_port, int service, std::string_view text) {
        Fd client = connect_here(host_port);
        EXPECT_TRUE(client);
        Fd server = co_await accept(loop(), service);
        co_await send(loop(), client.get(), bytes_of(text));
        const std::string got = co_await text_from(server.get());
        EXPECT_EQ(got, text);
    }
    Task<void> serves_what_was_bound(std::uint16_t host_port, int service) {
        co_await publication().until_open();
        co_await carry(host_port, service, "hello");
        EXPECT_EQ(publication().list().size(), 1U);
        EXPECT_EQ(publication().list().front().stats.connections, 1U);
    }
    Task<void> adds_and_removes(int service) {
        co_await publication().until_open();
        EXPECT_EQ(opened_, 0) << "nothing is published yet";
        const ports::Spec open = co_await publication().add(spec_of("127.0.0.1:0:80"));
        EXPECT_EQ(opened_, 1);
        EXPECT_NE(open.host_port, 0);
        co_await carry(open.host_port, service, "hello");
        co_await publication().remove(open);
        EXPECT_FALSE(connect_here(open.host_port));
        EXPECT_TRUE(publication().list().empty());
        auto again = co_await settled(publication().remove(open));
        EXPECT_EQ(again.error().code(), ENOENT);
        const ports::Spec next = co_await publication().add(open);
        EXPECT_EQ(next, open);
        EXPECT_EQ(opened_, 1) << "it is opened once";
    }
    Task<void> is_refused_then_served() {
        auto refused = co_await settled(publication().add(spec_of("127.0.0.1:0:80")));
        EXPECT_FALSE(refused.ok());
        if (!refused.ok()) {
            EXPECT_EQ(refused.error().code(), EPERM);
        }
        is_refused_ = false;
        const ports::Spec open = co_await publication().add(spec_of("127.0.0.1:0:80"));
        EXPECT_NE(open.host_port, 0);
    }
    // What the container has sent before its end arrives, and nobody new is let in.
    Task<void> ends_after_its_last_words(std::uint16_t host_port, Fd service) {
        co_await publication().until_open();
        Fd client = connect_here(host_port);
        Fd server = co_await accept(loop(), service.get());
        co_await send(loop(), server.get(), bytes_of("last words"));
        server.reset();
        service.reset();
        co_await publication().finish();
        const std::string got = co_await text_from(client.get());
        EXPECT_EQ(got, "last words");
        EXPECT_FALSE(connect_here(host_port));
        auto late = co_await settled(publication().add(spec_of("127.0.0.1:0:80")));
        EXPECT_FALSE(late.ok());
    }

    Publication::OpenNetwork open_network() {
        return [this]() -> Result<Fd> {
            if (is_refused_) return Error(EPERM, "open");
            ++opened_;
            return duplicate(network());
        };
    }

    Log log_;
    std::unique_ptr<Publication> publication_;
    int opened_ = 0;
    bool is_refused_ = false;
};

TEST_F(MonitorPublication, WhatWasBoundBeforeTheContainerIsServed) {
    const std::uint16_t port = bind("127.0.0.1:0:80");
    const Fd service = serve_inside(80);
    beside_publication(serves_what_was_bound(port, service.get()));
}

TEST_F(MonitorPublication, PortsComeAndGoAndTheNetworkIsOpenedForTheFirst) {
    publication().take({}, open_network());
    const Fd service = serve_inside(80);
    beside_publication(adds_and_removes(service.get()));
}

TEST_F(MonitorPublication, ANetworkThatCannotBeOpenedIsTriedAgainForTheNextPort) {
    is_refused_ = true;
    publication().take({}, open_network());
    beside_publication(is_refused_then_served());
}

TEST_F(MonitorPublication, WhatTheContainerSentBeforeItsEndArrives) {
    const std::uint16_t port = bind("127.0.0.1:0:80");
    beside_publication(ends_after_its_last_words(port, serve_inside(80)));
}

TEST_F(MonitorPublication, ANamespaceThatIsNoneIsToldToWhoWaitsForThePorts) {
    (void)bind("127.0.0.1:0:80");
    publication().take(Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), nullptr);
    auto ended = run(race(loop(), publication().serve(), publication().until_open()));
    ASSERT_FALSE(ended.ok());
    EXPECT_EQ(ended.error().code(), EINVAL) << ended.error().text();
}

// ---- the packets ------------------------------------------------------------------------------------------

class ControlPorts : public ControlTest {
protected:
    Task<void> list_of_nothing() {
        Fd client = connect();
        const std::string question = packet_of(Kind::list_ports);
        co_await send(loop(), client.get(), question);
        const std::string answer = co_await next_packet(loop(), client.get());
        EXPECT_EQ(answer, packet_of(Kind::done));
    }
    // A refusal, after which the same client is served as before.
    Task<void> is_declined(Kind kind, std::string_view why) {
        Fd client = connect();
        const std::string question = packet_with(kind, pack_port(spec_of("127.0.0.1:8080:80")));
        co_await send(loop(), client.get(), question);
        const std::string answer = co_await next_packet(loop(), client.get());
        EXPECT_TRUE(is_kind(answer, Kind::refused) && answer.find(why) != answer.npos) << answer;
        co_await round_trip(client.get());
    }
    Task<void> is_closed(std::string packet) {
        Fd client = connect();
        co_await send(loop(), client.get(), packet);
        const std::string answer = co_await next_packet(loop(), client.get());
        EXPECT_EQ(answer, packet_of(Kind::refused, "a packet that is not understood"));
        const std::string end = co_await next_packet(loop(), client.get());
        EXPECT_EQ(end, "");
    }
    void beside_both(Task<void> client) {
        subject().published.take({}, [] { return Result<Fd>(Error::message("no network", EPERM)); });
        beside_control(publish_beside(std::move(client)));
    }
    Task<void> publish_beside(Task<void> client) {
        (void)co_await race(loop(), subject().published.serve(), std::move(client));
    }
};

TEST_F(ControlPorts, ThereAreNone) {
    beside_both(list_of_nothing());
}

TEST_F(ControlPorts, WhatCannotBeDoneIsToldAndTheClientStays) {
    beside_both(is_declined(Kind::add_port, "no network"));
    beside_both(is_declined(Kind::remove_port, "127.0.0.1:8080"));
}

TEST_F(ControlPorts, ABodyThatIsNoPortIsRefused) {
    Port port = pack_port(spec_of("127.0.0.1:8080:80"));
    beside_both(is_closed(packet_of(Kind::add_port, "short")));
    port.protocol = 99;
    beside_both(is_closed(packet_with(Kind::add_port, port)));
    beside_both(is_closed(packet_with(Kind::remove_port, port)));
}

}  // namespace
}  // namespace urc::monitor
