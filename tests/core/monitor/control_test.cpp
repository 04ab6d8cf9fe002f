// What those who are connected with a monitor get of its output, and what their packets do.
#include "core/monitor/control.h"

#include <gtest/gtest.h>

#include "tests/core/monitor/control_fixture.h"

namespace urc::monitor {
namespace {

// What Control keeps for a client (control.cpp).
constexpr std::size_t kQueuedBytesMax = 256 << 10;

class ControlOutput : public ControlTest {
protected:
    Task<void> reads_what_is_said() {
        output().say("before anybody looked");
        Fd client = co_await attach();
        output().say("one", Stream::out);
        output().say("two", Stream::err);
        output().say(std::string(kBodySizeMax + 1, 'x'));
        std::vector<std::string> got;
        for (int i = 0; i < 4; ++i) got.push_back(co_await next_packet(loop(), client.get()));
        EXPECT_EQ(got[0], packet_of(Kind::out, "one"));
        EXPECT_EQ(got[1], packet_of(Kind::err, "two"));
        EXPECT_TRUE(got[2] == packet_of(Kind::out, std::string(kBodySizeMax, 'x'))) << got[2].size();
        EXPECT_EQ(got[3], packet_of(Kind::out, "x"));
    }
    Task<void> attaches_without_output() {
        AttachRequest request;
        request.wants_output = 0;
        Fd client = co_await attach(request);
        output().say("not for you");
        co_await round_trip(client.get());
        EXPECT_EQ(output().rotations, 1);
    }

    // Much more than is kept, at once; all of it is different.
    std::string say_too_much() {
        std::string said;
        for (int i = 0; i < 100; ++i) {
            std::string part = std::to_string(i);
            part.resize(10'000, static_cast<char>('a' + i % 26));
            output().say(part);
            said += part;
        }
        EXPECT_GT(said.size(), kQueuedBytesMax);
        return said;
    }
    // Reads until `last`; "lost N" stands where that was told.
    Task<std::string> read_until(int client, std::string last) {
        std::string got;
        for (;;) {
            const std::string packet = co_await next_packet(loop(), client);
            if (packet.empty() || packet == last) co_return got;
            if (is_kind(packet, Kind::lost))
                got += "lost " + std::to_string(body_of<Lost>(packet).bytes);
            else
                got += packet.substr(1);
        }
    }
    static std::string with_loss(const std::string& said, const std::string& got) {
        const std::size_t at = got.find("lost ");
        if (at == got.npos) return "nothing was lost";
        return said.substr(0, at) + "lost " + std::to_string(said.size() - at);
    }
    Task<void> loses_what_it_does_not_read() {
        Fd client = co_await attach();
        const std::string said = say_too_much();
        // It is only told when there is something to tell it in front of.
        output().say("later");
        const std::string later = packet_of(Kind::out, "later");
        const std::string got = co_await read_until(client.get(), later);
        EXPECT_TRUE(got == with_loss(said, got)) << got.size() << " bytes of " << said.size();
        output().say("and so on");
        const std::string next = co_await next_packet(loop(), client.get());
        EXPECT_EQ(next, packet_of(Kind::out, "and so on"));
    }
    Task<void> is_told_of_loss_at_the_end() {
        Fd client = co_await attach();
        const std::string said = say_too_much();
        const std::string ended = packet_with(Kind::ended, Ended{0x700});
        auto [got, nothing] =
            co_await all(loop(), read_until(client.get(), ended), control().finish(0x700, 10s));
        EXPECT_TRUE(got == with_loss(said, got)) << got.size() << " bytes of " << said.size();
    }
    Task<void> reads_while_another_does_not() {
        Fd idler = co_await attach();
        Fd reader = co_await attach();
        std::string said, got;
        for (int i = 0; i < 100; ++i) {
            const std::string part = std::to_string(i) + std::string(9000, '.');
            output().say(part);
            said += part;
            const std::string packet = co_await next_packet(loop(), reader.get());
            EXPECT_TRUE(is_kind(packet, Kind::out));
            got += packet.substr(1);
        }
        EXPECT_TRUE(got == said) << got.size() << " bytes of " << said.size();
    }
};

TEST_F(ControlOutput, ComesAfterAttachedAndInItsOrder) {
    beside_control(reads_what_is_said());
}

TEST_F(ControlOutput, GoesOnlyToThoseWhoWantIt) {
    beside_control(attaches_without_output());
}

TEST_F(ControlOutput, WhoDoesNotReadLosesBytesAndIsToldExactlyHowMany) {
    beside_control(loses_what_it_does_not_read());
}

TEST_F(ControlOutput, WhatWasLostIsToldAtTheEndAtTheLatest) {
    beside_control(is_told_of_loss_at_the_end());
}

TEST_F(ControlOutput, WhoReadsLosesNothingBesideOneWhoDoesNot) {
    beside_control(reads_while_another_does_not());
}

class ControlPackets : public ControlTest {
protected:
    Task<void> expect_refused(std::string packet) {
        Fd client = connect();
        co_await send(loop(), client.get(), packet);
        const std::string refused = co_await next_packet(loop(), client.get());
        EXPECT_TRUE(is_kind(refused, Kind::refused)) << int(packet[0]) << " of " << packet.size();
        const std::string end = co_await next_packet(loop(), client.get());
        EXPECT_EQ(end, "") << int(packet[0]) << " of " << packet.size();
    }
    static std::size_t body_size_of(Kind kind) {
        switch (kind) {
            case Kind::attach:
                return sizeof(AttachRequest);
            case Kind::resize:
                return sizeof(Resize);
            case Kind::signal:
                return sizeof(Signal);
            case Kind::add_port:
            case Kind::remove_port:
                return sizeof(Port);
            default:
                return 0;
        }
    }
    static bool is_for_monitors(Kind kind) {
        return kind == Kind::input || kind == Kind::end_of_input || kind == Kind::rotate ||
               kind == Kind::await_ready || kind == Kind::list_ports || body_size_of(kind) > 0;
    }
    Task<void> sends_garbage() {
        Fd other = co_await attach();
        for (int number = 0; number < 256; ++number) {
            const Kind kind = static_cast<Kind>(number);
            if (!is_for_monitors(kind)) co_await expect_refused(packet_of(kind, "body"));
            for (std::size_t size = 0; size < body_size_of(kind); ++size)
                co_await expect_refused(packet_of(kind, std::string(size, '\1')));
            co_await expect_refused(packet_of(kind, std::string(40 << 10, '\1')));
        }
        EXPECT_TRUE(subject().sizes.empty());
        EXPECT_TRUE(subject().signals.empty());
        output().say("x");
        const std::string said = co_await next_packet(loop(), other.get());
        EXPECT_EQ(said, packet_of(Kind::out, "x"));
    }
    Task<void> goes_on_after_a_refusal() {
        Fd client = connect();
        const std::string garbage = packet_of(Kind::out, "x");
        const std::string signal = packet_with(Kind::signal, Signal{9});
        // Both are there before the first is read.
        co_await send(loop(), client.get(), garbage);
        co_await send(loop(), client.get(), signal);
        const std::string refused = co_await next_packet(loop(), client.get());
        EXPECT_TRUE(is_kind(refused, Kind::refused));
        co_await expect_serves();
        EXPECT_TRUE(subject().signals.empty());
    }
    // Its queue is full, so that the refusal waits in it while the container goes on.
    Task<void> is_refused_while_it_does_not_read() {
        Fd client = co_await attach();
        Fd other = co_await attach();
        for (int i = 0; i < 20; ++i) {
            output().say(std::string(10'000, 'x'));
            (void)co_await next_packet(loop(), other.get());
        }
        const std::string garbage = packet_of(Kind::out);
        co_await send(loop(), client.get(), garbage);
        co_await round_trip(other.get());
        output().say("too late");
        std::string last, packet;
        do {
            last = std::move(packet);
            packet = co_await next_packet(loop(), client.get());
        } while (!packet.empty());
        EXPECT_TRUE(is_kind(last, Kind::refused)) << last.substr(0, 80);
    }
    Task<void> resizes_and_signals() {
        Fd client = co_await attach();
        const std::string size = packet_with(Kind::resize, Resize{24, 80});
        // A newer client's packets are longer.
        const std::string signal = packet_with(Kind::signal, Signal{15}) + "newer";
        co_await send(loop(), client.get(), size);
        co_await send(loop(), client.get(), signal);
        co_await round_trip(client.get());
        CO_ASSERT(subject().sizes.size() == 1);
        EXPECT_EQ(subject().sizes[0].rows, 24);
        EXPECT_EQ(subject().sizes[0].columns, 80);
        EXPECT_EQ(subject().signals, std::vector<int>{15});
    }
    Task<void> finds_no_output() {
        subject().has_output = false;
        const std::string attach = packet_with(Kind::attach, AttachRequest{});
        co_await expect_refused(attach);
        co_await expect_refused(packet_of(Kind::rotate));
    }
};

TEST_F(ControlPackets, GarbageIsRefusedAndHarmsNobodyElse) {
    beside_control(sends_garbage());
}

TEST_F(ControlPackets, WhoWasRefusedIsNotListenedToAnyMore) {
    beside_control(goes_on_after_a_refusal());
}

TEST_F(ControlPackets, NothingComesAfterARefusal) {
    beside_control(is_refused_while_it_does_not_read());
}

TEST_F(ControlPackets, ResizeAndSignalReachTheContainer) {
    beside_control(resizes_and_signals());
}

TEST_F(ControlPackets, WithoutSinksThereIsNothingToAttachToOrToRotate) {
    beside_control(finds_no_output());
}

}  // namespace
}  // namespace urc::monitor
