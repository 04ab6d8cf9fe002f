// Those who are connected with a monitor: what they type, how many they are, and how it ends for them.
#include <gtest/gtest.h>

#include "core/monitor/control.h"
#include "tests/core/monitor/control_fixture.h"

namespace urc::monitor {
namespace {

// How many Control serves (control.cpp).
constexpr std::size_t kClientsMax = 64;

class ControlInput : public ControlTest {
protected:
    // The container's end of its stdin; its pipe holds a page.
    Fd give_input() {
        auto [reader, writer] = make_pipe();
        EXPECT_GE(::fcntl(writer.get(), F_SETPIPE_SZ, 4096), 0);
        EXPECT_EQ(::fcntl(writer.get(), F_SETFL, O_NONBLOCK), 0);
        subject().in = std::move(writer);
        return std::move(reader);
    }
    Task<std::string> read_to_end(int fd) {
        std::string text, buffer(10'000, '\0');
        for (;;) {
            const std::size_t got = co_await read(loop(), fd, std::as_writable_bytes(std::span(buffer)));
            if (got == 0) co_return text;
            text += buffer.substr(0, got);
        }
    }
    Task<void> send_input(int client, std::string text) {
        for (std::size_t at = 0; at < text.size(); at += kBodySizeMax) {
            const std::string packet = packet_of(Kind::input, text.substr(at, kBodySizeMax));
            co_await send(loop(), client, packet);
        }
        const std::string end = packet_of(Kind::end_of_input);
        co_await send(loop(), client, end);
    }
    static std::string numbers(int count) {
        std::string text;
        for (int i = 0; i < count; ++i) text += std::to_string(i) + '\n';
        return text;
    }
    Task<void> types_much() {
        Fd reader = give_input();
        Fd client = connect();
        const std::string text = numbers(100'000);
        auto [nothing, got] = co_await all(loop(), send_input(client.get(), text), read_to_end(reader.get()));
        EXPECT_TRUE(got == text) << got.size() << " bytes of " << text.size();
        EXPECT_FALSE(subject().in);
        // There is none any more: that is no reason to be refused.
        const std::string more = packet_of(Kind::input, "more");
        co_await send(loop(), client.get(), more);
        co_await round_trip(client.get());
    }
    Task<void> types_until_another_ends_it() {
        Fd reader = give_input();
        Fd typist = connect(), other = connect();
        const std::string text = numbers(3000);
        const std::string packet = packet_of(Kind::input, text);
        co_await send(loop(), typist.get(), packet);
        std::string first(1, '\0');
        (void)co_await read(loop(), reader.get(), std::as_writable_bytes(std::span(first)));
        auto [bystander, to] = make_pipe(O_NONBLOCK);
        const int number = subject().in.get();
        const std::string end = packet_of(Kind::end_of_input);
        co_await send(loop(), other.get(), end);
        co_await round_trip(other.get());
        EXPECT_FALSE(subject().in);
        // Somebody else's descriptor now has its number.
        Fd same_number(::fcntl(to.get(), F_DUPFD_CLOEXEC, number));
        EXPECT_EQ(same_number.get(), number);
        to.reset();
        const std::string rest = co_await read_to_end(reader.get());
        EXPECT_TRUE(first + rest == text) << 1 + rest.size() << " bytes of " << text.size();
        char byte;
        EXPECT_EQ(::read(bystander.get(), &byte, 1), -1) << "input went to a stranger";
    }
    Task<void> types_to_nobody() {
        give_input().reset();
        Fd client = connect();
        const std::string packet = packet_of(Kind::input, "is anybody there?");
        co_await send(loop(), client.get(), packet);
        co_await round_trip(client.get());
        EXPECT_FALSE(subject().in);
    }
};

TEST_F(ControlInput, ReachesTheContainerWholeAndEnds) {
    beside_control(types_much());
}

TEST_F(ControlInput, IsWrittenToItsEndWhenAnotherClientClosesIt) {
    beside_control(types_until_another_ends_it());
}

TEST_F(ControlInput, IsOverWhenTheContainerHasClosedIt) {
    beside_control(types_to_nobody());
}

class ControlClients : public ControlTest {
protected:
    Task<void> come_in_a_crowd() {
        std::vector<Fd> clients(100);
        for (Fd& client : clients) {
            client = connect();
            // EPIPE would be an answer, too.
            (void)send_packet(client.get(), Kind::attach, AttachRequest{});
        }
        std::size_t attached = 0, closed = 0;
        for (const Fd& client : clients) {
            const std::string answer = co_await next_packet(loop(), client.get());
            ++(is_kind(answer, Kind::attached) ? attached : closed);
        }
        EXPECT_EQ(attached, kClientsMax);
        EXPECT_EQ(closed, 100 - kClientsMax);
        EXPECT_EQ(output().viewers.size(), kClientsMax);
        clients.clear();
        co_await until_viewers_are(0);
        co_await expect_serves();
    }

    enum class Point : std::uint8_t { connected, attached, reading, idle, typing, awaiting, refused, asking };
    Task<void> vanish_at(Point point) {
        Fd client;
        if (point >= Point::awaiting || point == Point::connected)
            client = connect();
        else
            client = co_await attach();
        if (point == Point::reading || point == Point::idle)
            for (int i = 0; i < 100; ++i) output().say(std::string(10'000, 'x'));
        if (point == Point::reading) (void)co_await next_packet(loop(), client.get());
        std::string packet;
        if (point == Point::typing) packet = packet_of(Kind::input, std::string(kBodySizeMax, 'x'));
        if (point == Point::awaiting) packet = packet_of(Kind::await_ready);
        if (point == Point::refused) packet = packet_of(Kind::out);
        if (point == Point::asking) packet = packet_of(Kind::rotate);
        if (!packet.empty()) co_await send(loop(), client.get(), packet);
    }
    Task<void> vanish_everywhere() {
        subject().awaits = true;
        auto [reader, writer] = make_pipe(O_NONBLOCK);
        subject().in = std::move(writer);
        Fd other = co_await attach();
        for (Point point : {Point::connected, Point::attached, Point::reading, Point::idle, Point::typing,
                            Point::awaiting, Point::refused, Point::asking}) {
            co_await vanish_at(point);
            co_await round_trip_past_output(other.get());
        }
        control().ready();
        co_await until_viewers_are(1);
        other.reset();
        co_await until_viewers_are(0);
        co_await expect_serves();
    }
    // For one that may have output to read first.
    Task<void> round_trip_past_output(int client) {
        const std::string question = packet_of(Kind::rotate);
        co_await send(loop(), client, question);
        std::string answer;
        do {
            answer = co_await next_packet(loop(), client);
        } while (is_kind(answer, Kind::out) || is_kind(answer, Kind::lost));
        EXPECT_EQ(answer, packet_of(Kind::done));
    }
};

TEST_F(ControlClients, AreServedUpToTheirBoundAndTheRestIsClosed) {
    beside_control(come_in_a_crowd());
}

TEST_F(ControlClients, MayVanishAtAnyPoint) {
    beside_control(vanish_everywhere());
}

class ControlEnd : public ControlTest {
protected:
    Task<void> is_told() {
        subject().awaits = true;
        Fd viewer = co_await attach(), starter = connect();
        const std::string await = packet_of(Kind::await_ready);
        co_await send(loop(), starter.get(), await);
        output().say("last words");
        auto [packets, nothing] =
            co_await all(loop(), read_all_packets(viewer.get(), starter.get()), control().finish(0x100, 10s));
        const std::string ended = packet_with(Kind::ended, Ended{0x100});
        const std::vector<std::string> wanted{packet_of(Kind::out, "last words"), ended, "", ended, ""};
        EXPECT_EQ(packets, wanted);
        // Who comes now is told as well, and READY=1 is too late for everybody.
        Fd latecomer = connect();
        const std::string first = co_await next_packet(loop(), latecomer.get());
        control().ready();
        EXPECT_EQ(first, ended);
        const std::string end = co_await next_packet(loop(), latecomer.get());
        EXPECT_EQ(end, "");
    }
    Task<std::vector<std::string>> read_all_packets(int one, int other) {
        std::vector<std::string> packets;
        for (int client : {one, other}) {
            do {
                packets.push_back(co_await next_packet(loop(), client));
            } while (!packets.back().empty());
        }
        co_return packets;
    }
    Task<void> ends_before_ready() {
        subject().awaits = true;
        Fd idler = co_await attach();
        for (int i = 0; i < 100; ++i) output().say(std::string(10'000, 'x'));
        co_await control().finish(0, 10ms);
        control().ready();
        std::string last, packet;
        bool has_ended = false, has_done = false;
        for (int i = 0; i < 10; ++i) {
            packet = co_await next_packet(loop(), idler.get());
            has_ended = has_ended || is_kind(packet, Kind::ended);
            has_done = has_done || is_kind(packet, Kind::done);
        }
        EXPECT_FALSE(has_ended || has_done) << "it was read before finish() gave up";
    }
    Task<void> ready_comes() {
        Fd one = connect(), other = connect();
        Fd viewer = co_await attach();
        const std::string await = packet_of(Kind::await_ready);
        co_await send(loop(), one.get(), await);
        co_await send(loop(), other.get(), await);
        co_await round_trip(viewer.get());
        subject().awaits = false;
        control().ready();
        control().ready();
        output().say("x");
        const std::string for_one = co_await next_packet(loop(), one.get());
        const std::string for_other = co_await next_packet(loop(), other.get());
        const std::string for_viewer = co_await next_packet(loop(), viewer.get());
        EXPECT_EQ(for_one, packet_of(Kind::done));
        EXPECT_EQ(for_other, packet_of(Kind::done));
        EXPECT_EQ(for_viewer, packet_of(Kind::out, "x"));
        // Once: the next answer is to another question.
        co_await round_trip(one.get());
        EXPECT_EQ(output().rotations, 2);
        // Who asks afterwards has nothing to wait for.
        co_await send(loop(), viewer.get(), await);
        const std::string at_once = co_await next_packet(loop(), viewer.get());
        EXPECT_EQ(at_once, packet_of(Kind::done));
    }
    Task<void> adopted_is_told(int adopted) {
        // One that came by the socket has been served, so the adopted one has.
        co_await expect_serves();
        const std::string signal = packet_with(Kind::signal, Signal{10});
        co_await send(loop(), adopted, signal);
        subject().awaits = false;
        control().ready();
        const std::string done = co_await next_packet(loop(), adopted);
        EXPECT_EQ(done, packet_of(Kind::done));
        co_await round_trip(adopted);
        EXPECT_EQ(subject().signals, std::vector<int>{10});
    }
    Task<void> adopted_is_told_of_the_end(int adopted) {
        co_await expect_serves();
        co_await control().finish(9, 10s);
        control().ready();
        const std::string ended = co_await next_packet(loop(), adopted);
        EXPECT_EQ(ended, packet_with(Kind::ended, Ended{9}));
        const std::string end = co_await next_packet(loop(), adopted);
        EXPECT_EQ(end, "");
    }
};

TEST_F(ControlEnd, ComesAfterTheLastByteAndIsTheLastPacket) {
    beside_control(is_told());
}

TEST_F(ControlEnd, IsNotWaitedForBeyondItsBoundByOneWhoNeverReads) {
    beside_control(ends_before_ready());
}

TEST_F(ControlEnd, ReadyIsToldOnceToThoseWhoWaitForIt) {
    subject().awaits = true;
    beside_control(ready_comes());
}

TEST_F(ControlEnd, AnAdoptedConnectionWaitsForReady) {
    subject().awaits = true;
    auto [ours, theirs] = make_socketpair(SOCK_SEQPACKET);
    control().adopt(std::move(theirs));
    beside_control(adopted_is_told(ours.get()));
}

TEST_F(ControlEnd, AnAdoptedConnectionIsToldWhenItEndsBefore) {
    subject().awaits = true;
    auto [ours, theirs] = make_socketpair(SOCK_SEQPACKET);
    control().adopt(std::move(theirs));
    beside_control(adopted_is_told_of_the_end(ours.get()));
}

}  // namespace
}  // namespace urc::monitor
