// A Flow between two sockets of a seed: short reads and writes, ends and errors at every point, and readiness
// that is told by edges, as the kernel's is.
#include "core/ports/copy.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "tests/sim/simulate.h"

namespace urc::ports {
namespace {

constexpr int kFrom = 100;
constexpr int kTo = 101;

// What the seed decides.
struct Script {
    std::size_t size = 0;               // what the sender says before it ends
    std::optional<std::size_t> bad_at;  // bytes after which one of the sockets is reset
    bool is_sender_bad = false;
    bool has_pipes = true;
};

class SimulatedSockets final : public CopyCalls {
public:
    SimulatedSockets(Random& random, const Script& script) : random_(random), script_(script) {}

    ssize_t receive(int socket, std::span<std::byte> into) noexcept override {
        EXPECT_EQ(socket, kFrom);
        const ssize_t count = readable(into.size());
        for (ssize_t i = 0; i < count; ++i) into[static_cast<std::size_t>(i)] = pattern(read_++, 1);
        return count;
    }
    ssize_t send(int socket, std::span<const std::byte> bytes) noexcept override {
        EXPECT_EQ(socket, kTo);
        EXPECT_FALSE(bytes.empty());
        const ssize_t count = writable(bytes.size());
        for (ssize_t i = 0; i < count; ++i) take(bytes[static_cast<std::size_t>(i)]);
        return count;
    }
    // Through a real pipe, so that what is in it is what was put there.
    ssize_t splice_in(int socket, int pipe, std::size_t size) noexcept override {
        EXPECT_EQ(socket, kFrom);
        EXPECT_TRUE(is_nonblocking_) << "splice(2) would have waited";
        std::array<std::byte, 40'000> bytes;
        const ssize_t count = readable(std::min(size, bytes.size()));
        for (ssize_t i = 0; i < count; ++i) bytes[static_cast<std::size_t>(i)] = pattern(read_++, 1);
        if (count > 0) {
            EXPECT_EQ(::write(pipe, bytes.data(), static_cast<std::size_t>(count)), count);
        }
        ++splices_;
        return count;
    }
    ssize_t splice_out(int pipe, int socket, std::size_t size) noexcept override {
        EXPECT_EQ(socket, kTo);
        std::array<std::byte, 40'000> bytes;
        const ssize_t count = writable(std::min(size, bytes.size()));
        if (count <= 0) return count;
        EXPECT_EQ(::read(pipe, bytes.data(), static_cast<std::size_t>(count)), count);
        for (ssize_t i = 0; i < count; ++i) take(bytes[static_cast<std::size_t>(i)]);
        return count;
    }
    int end_writing(int socket) noexcept override {
        EXPECT_EQ(socket, kTo);
        ++ends_;
        return 0;
    }
    void set_nonblocking(int) noexcept override { is_nonblocking_ = true; }

    // Time goes on: more arrives, more is taken.
    void from_becomes_ready() {
        if (available_ == 0) available_ = 1 + random_.below(random_.chance(500) ? 300'000 : 900);
    }
    void to_becomes_ready() { room_ = 1 + random_.below(random_.chance(500) ? 300'000 : 2000); }

    std::size_t available_ = 0;
    std::size_t read_ = 0;     // off the sender
    std::size_t written_ = 0;  // to the receiver
    int ends_ = 0;
    unsigned splices_ = 0;
    unsigned strayed_ = 0;

private:
    ssize_t readable(std::size_t size) noexcept {
        if (script_.bad_at && script_.is_sender_bad && read_ >= *script_.bad_at) return -ECONNRESET;
        if (read_ == script_.size) return 0;
        const std::size_t count = std::min({size, available_, script_.size - read_});
        if (count == 0) return -EAGAIN;
        available_ -= count;
        return static_cast<ssize_t>(count);
    }
    ssize_t writable(std::size_t size) noexcept {
        if (script_.bad_at && !script_.is_sender_bad && written_ >= *script_.bad_at) return -EPIPE;
        const std::size_t count = std::min(size, room_);
        if (count == 0) return -EAGAIN;
        room_ -= count;
        return static_cast<ssize_t>(count);
    }
    void take(std::byte byte) noexcept {
        if (byte != pattern(written_++, 1)) ++strayed_;
    }

    Random& random_;
    const Script& script_;
    std::size_t room_ = 0;
    bool is_nonblocking_ = false;
};

struct Seen {
    unsigned ended = 0, from_bad = 0, to_bad = 0, waits_for_room = 0, pauses = 0, splices = 0;
};

void run_flow(std::uint64_t seed, Seen& seen) {
    Random random(seed);
    Script script;
    script.size = random.below(random.chance(300) ? 3'000'000 : 5000);
    script.has_pipes = random.chance(700);
    if (random.chance(500)) {
        script.bad_at = random.below(script.size + 1);
        script.is_sender_bad = random.chance(500);
    }
    SimulatedSockets sockets(random, script);
    Descriptors descriptors(script.has_pipes ? 10 : 0);
    {
        auto shared = std::make_unique<CopyShared>(sockets, descriptors);
        Flow flow;
        for (int turns = 0; !flow.is_over(); ++turns) {
            ASSERT_LT(turns, 1'000'000) << "it does not end";
            // An edge for whatever it waits for, or for something else.
            if (flow.state() == Flow::State::writes || random.chance(300)) sockets.to_becomes_ready();
            if (flow.state() == Flow::State::reads || random.chance(300)) sockets.from_becomes_ready();
            const std::size_t before = sockets.read_;
            const auto state = flow.advance(
                *shared, kFrom, kTo, random.chance(200) ? Flow::Sender::has_closed : Flow::Sender::goes_on);
            EXPECT_LE(sockets.read_ - before, Flow::kTurnBytes + PipePool::kPipeSize);
            EXPECT_EQ(flow.bytes(), sockets.written_);
            if (state == Flow::State::writes) ++seen.waits_for_room;
            if (state == Flow::State::pauses) ++seen.pauses;
            if (state == Flow::State::reads) {
                EXPECT_EQ(sockets.read_, sockets.written_) << "it waits, and has something";
                EXPECT_TRUE(sockets.available_ == 0 || sockets.read_ == script.size)
                    << "no edge will tell of what was there already";
            }
        }
        EXPECT_EQ(sockets.strayed_, 0U);
        seen.splices += sockets.splices_;
        if (flow.state() == Flow::State::ended) {
            ++seen.ended;
            EXPECT_EQ(sockets.written_, script.size);
            EXPECT_EQ(sockets.ends_, 1);
        } else {
            EXPECT_EQ(sockets.ends_, 0) << "an end was told that was none";
            EXPECT_TRUE(script.bad_at);
            flow.state() == Flow::State::from_bad ? ++seen.from_bad : ++seen.to_bad;
            EXPECT_EQ(flow.error(), flow.state() == Flow::State::from_bad ? ECONNRESET : EPIPE);
        }
        flow.release(*shared);
    }
    EXPECT_EQ(descriptors.taken(), 0U) << "a pipe is lost";
}

TEST(SimulatedFlow, KeepsEveryByteInOrderAndEndsHoweverTheSocketsBehave) {
    const char* one = std::getenv("URC_SIM_SEED");
    const char* many = std::getenv("URC_SIM_SEEDS");
    const std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
    const std::uint64_t count = one ? 1 : many ? std::strtoull(many, nullptr, 10) : 300;
    Seen seen;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        run_flow(seed, seen);
        ASSERT_FALSE(HasFailure()) << "URC_SIM_SEED=" << seed;
    }
    if (one) return;
    // The seeds reach what this is about.
    EXPECT_GT(seen.ended, 0U);
    EXPECT_GT(seen.from_bad, 0U);
    EXPECT_GT(seen.to_bad, 0U);
    EXPECT_GT(seen.waits_for_room, 0U);
    EXPECT_GT(seen.pauses, 0U);
    EXPECT_GT(seen.splices, 0U);
}

TEST(SimulatedFlow, APipeIsHeldOnlyWhileThereIsSomethingInIt) {
    Descriptors descriptors(10);
    PipePool pipes(descriptors);
    auto one = pipes.take();
    ASSERT_TRUE(one);
    EXPECT_EQ(descriptors.taken(), 2U);
    pipes.give_back(std::move(one));
    EXPECT_EQ(descriptors.taken(), 2U) << "kept for the next";
    auto same = pipes.take();
    pipes.discard(std::move(same));
    EXPECT_EQ(descriptors.taken(), 0U);
}

}  // namespace
}  // namespace urc::ports
