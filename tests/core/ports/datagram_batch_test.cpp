#include "core/ports/datagram_batch.h"

#include <net/if.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>

#include <vector>

#include "tests/core/ports/udp_fixture.h"

namespace urc::ports {
namespace {

using Texts = std::vector<std::string>;

Texts texts_of(std::initializer_list<std::size_t> sizes) {
    Texts texts;
    for (const std::size_t size : sizes) texts.emplace_back(size, static_cast<char>('a' + texts.size() % 26));
    return texts;
}

// Sender, what stands between, and receiver, all at 127.0.0.1.
class UdpBatch : public ::testing::Test {
protected:
    // Each text as a datagram of its own.
    void send(const Texts& texts) {
        for (const std::string& text : texts) say(client_, text);
    }
    // All of them by one call, as a burst arrives from a network.
    void send_joined(const std::string& text, int size) {
        ASSERT_EQ(::setsockopt(client_.get(), IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size), 0);
        say(client_, text);
        size = 0;
        ASSERT_EQ(::setsockopt(client_.get(), IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size), 0);
    }
    DatagramBatch::Sent pass_on() {
        DatagramBatch::Sent all;
        for (int code = 0;;) {
            const unsigned count = batch_.receive(middle_.get(), code);
            messages_ += count;
            const Address to = Address::of("127.0.0.1", port_of(server_.get())).value();
            const auto sent = batch_.send(0, count, {middle_.get(), to, nullptr, can_segment_});
            all.bytes += sent.bytes;
            all.lost += sent.lost;
            if (count < DatagramBatch::kMax) return all;
        }
    }
    // What is there, datagram by datagram.
    Texts received() {
        Texts texts;
        std::string text(70'000, '\0');
        for (;;) {
            const ssize_t size = ::recv(server_.get(), text.data(), text.size(), MSG_DONTWAIT);
            if (size < 0) return texts;
            texts.push_back(text.substr(0, static_cast<std::size_t>(size)));
        }
    }
    // How many datagrams the first call brings: 1, or all of a run.
    std::size_t received_at_once() {
        DatagramBatch batch;
        int code = 0;
        EXPECT_EQ(batch.receive(server_.get(), code), 1U);
        std::size_t count = 0;
        batch.for_each(0, 1, [&count](auto) { ++count; });
        return count;
    }

    Fd middle_ = serve_at("127.0.0.1", SOCK_DGRAM);
    Fd server_ = serve_at("127.0.0.1", SOCK_DGRAM);
    Fd client_ = connect_to("127.0.0.1", port_of(middle_.get()), SOCK_DGRAM);
    DatagramBatch batch_;
    bool can_segment_ = knows_segments(middle_.get());
    unsigned messages_ = 0;
};

TEST_F(UdpBatch, KeepsEachDatagramAsItWas) {
    for (const Texts& texts : {
             texts_of({5}),
             texts_of({0}),
             texts_of({0, 0, 0}),
             texts_of({700, 700, 700, 3}),
             texts_of({700, 3, 700, 3, 3, 700, 1, 1}),
             texts_of({1, 2, 3, 4, 3, 2, 1}),
             texts_of({9, 9, 0, 9, 9, 0, 0, 9}),
             texts_of({1472, 1472, 1472, 1472, 1472, 1472, 1472}),
             texts_of({30000, 30000, 65507, 10}),
             Texts(50, "more than a batch"),
         }) {
        send(texts);
        const auto sent = pass_on();
        EXPECT_EQ(received(), texts);
        EXPECT_EQ(sent.lost, 0U);
        std::uint64_t bytes = 0;
        for (const std::string& text : texts) bytes += text.size();
        EXPECT_EQ(sent.bytes, bytes);
    }
}

TEST_F(UdpBatch, SendsARunByOneCall) {
    if (!can_segment_) GTEST_SKIP() << "no UDP_SEGMENT";
    receive_bursts(server_.get());
    send(Texts(10, "ten of a size"));
    EXPECT_EQ(pass_on().lost, 0U);
    EXPECT_EQ(messages_, 10U);
    EXPECT_EQ(received_at_once(), 10U);
}

TEST_F(UdpBatch, TakesARunByOneCall) {
    receive_bursts(middle_.get());
    if (!can_segment_) GTEST_SKIP() << "no UDP_SEGMENT";
    std::string text;
    for (int i = 0; i < 100; ++i) text += std::to_string(i) + ",";
    send_joined(text, 10);
    EXPECT_EQ(pass_on().lost, 0U);
    EXPECT_EQ(messages_, 1U);
    const Texts parts = received();
    ASSERT_EQ(parts.size(), text.size() / 10 + (text.size() % 10 > 0));
    std::string all;
    for (const std::string& part : parts) {
        EXPECT_LE(part.size(), 10U);
        all += part;
    }
    EXPECT_EQ(all, text);
}

TEST_F(UdpBatch, SendsOneByOneWhereTheKernelCannotCutUp) {
    receive_bursts(middle_.get());
    if (!can_segment_) GTEST_SKIP() << "no UDP_SEGMENT";
    can_segment_ = false;
    send_joined(std::string(95, 'x'), 10);
    send(Texts(3, "three"));
    EXPECT_EQ(pass_on().lost, 0U);
    Texts expected(9, std::string(10, 'x'));
    expected.emplace_back(5, 'x');
    expected.insert(expected.end(), 3, "three");
    EXPECT_EQ(received(), expected);
}

// EINVAL, for a socket that makes no checksums.
TEST_F(UdpBatch, SendsOneByOneWhatTheKernelRefusesToCutUp) {
    if (!can_segment_) GTEST_SKIP() << "no UDP_SEGMENT";
    const int one = 1;
    ASSERT_EQ(::setsockopt(middle_.get(), SOL_SOCKET, SO_NO_CHECK, &one, sizeof one), 0);
    send(Texts(5, "five"));
    EXPECT_EQ(pass_on().lost, 0U);
    EXPECT_EQ(received(), Texts(5, "five"));
}

TEST_F(UdpBatch, CountsEachDatagramThatIsLost) {
    send(Texts(5, "five"));
    const std::uint16_t port = port_of(server_.get());
    int code = 0;
    const unsigned count = batch_.receive(middle_.get(), code);
    ASSERT_EQ(count, 5U);
    // Nobody may send there without SO_BROADCAST.
    const Address to = Address::of("255.255.255.255", port).value();
    const auto sent = batch_.send(0, count, {middle_.get(), to, nullptr, can_segment_});
    EXPECT_EQ(sent.lost, 5U);
    EXPECT_EQ(sent.bytes, 0U);
    EXPECT_EQ(sent.code, EACCES);
    EXPECT_EQ(batch_.receive(middle_.get(), code), 0U);
    EXPECT_EQ(code, EAGAIN);
}

// EINVAL: a datagram of a run has to fit into a packet; by itself it is taken apart and put together again.
class UdpBatchThere : public PublisherTest {};

Task<void> crosses_a_small_mtu(World& world) {
    {
        const Inside inside(world.network);
        ifreq request{};
        std::strcpy(request.ifr_name, "lo");
        request.ifr_mtu = 1280;
        EXPECT_EQ(::ioctl(Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)).get(), SIOCSIFMTU, &request),
                  0);
    }
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    const Spec spec = world.open(udp_spec("127.0.0.1:0:", server).c_str());
    Fd client = connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM);
    const std::string text(1400, 'x');
    say(client, "begin");
    Datagram received = co_await receive_datagram(world.loop, server.get());
    for (int i = 0; i < 8; ++i) say(client, text);
    for (int i = 0; i < 8; ++i) {
        received = co_await receive_datagram(world.loop, server.get());
        EXPECT_EQ(received.text, text);
    }
    for (int i = 0; i < 8; ++i) answer(server, received.from, text);
    for (int i = 0; i < 8; ++i) {
        received = co_await receive_datagram(world.loop, client.get());
        EXPECT_EQ(received.text, text);
    }
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 0U);
}

TEST_F(UdpBatchThere, ARunThatDoesNotFitThePacketsOfTheRouteArrivesAllTheSame) {
    play_scene(crosses_a_small_mtu);
}

// Both ends speak in bursts, and of two clients at once.
Task<void> bursts_both_ways(World& world) {
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    const Spec spec = world.open(udp_spec(":", server).c_str());
    Fd one = connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM);
    Fd two = connect_to("::1", spec.host_port, SOCK_DGRAM);
    const Texts texts = texts_of({100, 100, 0, 100, 7, 100, 100, 100, 99, 100, 3000, 3000, 1, 0});
    for (const std::string& text : texts) {
        say(one, text + "1");
        say(two, text + "2");
    }
    for (std::size_t i = 0; i < 2 * texts.size(); ++i) {
        const Datagram received = co_await receive_datagram(world.loop, server.get());
        answer(server, received.from, received.text);
    }
    for (const std::string& text : texts) {
        Datagram received = co_await receive_datagram(world.loop, one.get());
        EXPECT_EQ(received.text, text + "1");
        received = co_await receive_datagram(world.loop, two.get());
        EXPECT_EQ(received.text, text + "2");
    }
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 0U);
}

TEST_F(UdpBatchThere, BurstsOfSeveralClientsStayApart) {
    play_scene(bursts_both_ways);
}

}  // namespace
}  // namespace urc::ports
