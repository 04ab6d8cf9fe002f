// Tasks, cancels and time under a simulated kernel.
#include <gtest/gtest.h>

#include <vector>

#include "tests/sim/simulate.h"
#include "uring/ops_file.h"
#include "uring/race.h"

namespace urc {
namespace {

using namespace std::chrono_literals;

// ---- pipes --------------------------------------------------------------------------------------

Task<void> produce(Loop& loop, Fd to, std::size_t size, std::size_t stream) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = pattern(i, stream);
    std::size_t written = co_await write(loop, to.get(), bytes);
    EXPECT_EQ(written, size);
}

Task<void> consume(Loop& loop, Fd from, std::size_t size, std::size_t stream) {
    std::byte buffer[700];
    std::size_t position = 0;
    for (;;) {
        std::size_t count = co_await read(loop, from.get(), buffer);
        if (count == 0) break;
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(buffer[i], pattern(position + i, stream));
        position += count;
    }
    EXPECT_EQ(position, size);
}

Task<void> relay(Loop& loop, Fd from, Fd to) {
    std::byte buffer[300];
    for (;;) {
        std::size_t count = co_await read(loop, from.get(), buffer);
        if (count == 0) co_return;
        co_await write(loop, to.get(), std::span(buffer).first(count));
    }
}

Task<void> pipes(World& world) {
    Nursery nursery(world.loop);
    for (std::size_t stream = 0; stream < 4; ++stream) {
        std::size_t size = world.random.below(20000);
        auto [a_out, a_in] = make_pipe(stream % 2 ? O_NONBLOCK : 0);
        auto [b_out, b_in] = make_pipe();
        nursery.spawn(produce(world.loop, std::move(a_in), size, stream));
        nursery.spawn(relay(world.loop, std::move(a_out), std::move(b_in)));
        nursery.spawn(consume(world.loop, std::move(b_out), size, stream));
    }
    co_await nursery.join();
}

TEST(Simulation, BytesThroughPipesArriveWholeAndInOrder) {
    auto seen = simulate(&pipes, 0);
    EXPECT_GT(seen.short_transfers, 0U);
    EXPECT_GT(seen.refusals, 0U);
    EXPECT_GT(seen.overflows, 0U);
}

// A producer that fails closes its pipe early: then the consumer's count is wrong, which is no failure here.
Task<void> drop_all(Loop& loop, Fd from) {
    std::byte buffer[700];
    for (;;) {
        std::size_t count = co_await read(loop, from.get(), buffer);
        if (count == 0) co_return;
    }
}
Task<void> write_zeroes(Loop& loop, Fd to) {
    std::vector<std::byte> bytes(9000);
    co_await write(loop, to.get(), bytes);
}
Task<void> pipes_that_fail(World& world) {
    Nursery nursery(world.loop);
    for (int i = 0; i < 4; ++i) {
        auto [a_out, a_in] = make_pipe();
        auto [b_out, b_in] = make_pipe();
        nursery.spawn(write_zeroes(world.loop, std::move(a_in)));
        nursery.spawn(relay(world.loop, std::move(a_out), std::move(b_in)));
        nursery.spawn(drop_all(world.loop, std::move(b_out)));
    }
    co_await nursery.join();
}

TEST(Simulation, AnyErrnoAnywhereEndsAllTasksWithNothingLeft) {
    auto seen = simulate(&pipes_that_fail, 20);
    EXPECT_GT(seen.errors, 0U);
    EXPECT_GT(seen.cancels_won, 0U);
}

// ---- deadlines and cancels ----------------------------------------------------------------------

Task<void> slow_producer(World& world, Fd to, std::size_t& written) {
    std::vector<std::byte> bytes(100);
    for (int i = 0; i < 20; ++i) {
        co_await sleep(world.loop, std::chrono::microseconds(world.random.below(2000)));
        written += co_await write(world.loop, to.get(), std::span(bytes).first(1 + world.random.below(99)));
    }
}

Task<void> impatient_consumer(World& world, Fd from, std::size_t& got) {
    std::byte buffer[64];
    for (;;) {
        auto wait = std::chrono::microseconds(world.random.below(1500));
        auto before = world.loop.now();
        auto result = co_await settled(deadline(read(world.loop, from.get(), buffer), wait));
        if (result.ok() && *result == 0) co_return;
        if (result.ok()) {
            got += *result;
            continue;
        }
        if (result.error().code() != ETIMEDOUT) co_await fail(std::move(result).error());
        EXPECT_TRUE(world.has_errors || world.loop.now() >= before + wait);
    }
}

Task<void> deadlines(World& world) {
    auto [out, in] = make_pipe();
    std::size_t written = 0;
    std::size_t got = 0;
    auto result = co_await settled(all(world.loop, slow_producer(world, std::move(in), written),
                                       impatient_consumer(world, std::move(out), got)));
    if (!result.ok()) co_await fail(std::move(result).error());
    EXPECT_EQ(got, written) << "a read that the deadline met has lost its bytes";
}

TEST(Simulation, ADeadlineNeitherLosesBytesNorComesEarly) {
    auto seen = simulate(&deadlines, 0);
    EXPECT_GT(seen.timeouts_won, 0U);
    EXPECT_GT(seen.timeouts_lost, 0U);
}

TEST(Simulation, DeadlinesSurviveAnyErrno) {
    EXPECT_GT(simulate(&deadlines, 20).errors, 0U);
}

Task<void> read_until_cancelled(Loop& loop, int from, std::size_t& got) {
    std::byte buffer[16];
    for (;;) {
        auto result = co_await settled(read(loop, from, buffer));
        if (!result.ok()) co_await fail(std::move(result).error());
        got += *result;
    }
}

Task<void> cancel_at_some_time(World& world) {
    auto [out, in] = make_pipe(O_NONBLOCK);
    std::size_t written = 0;
    std::size_t got = 0;
    for (int round = 0; round < 10; ++round) {
        Nursery nursery(world.loop);
        for (int i = 0; i < 3; ++i) nursery.spawn(read_until_cancelled(world.loop, out.get(), got));
        std::size_t size = world.random.below(60);
        std::vector<std::byte> bytes(size);
        if (size > 0) written += co_await write(world.loop, in.get(), bytes);
        for (std::size_t turns = world.random.below(4); turns > 0; --turns) co_await nop(world.loop);
        if (world.random.chance(500)) co_await sleep(world.loop, 1ms);
        nursery.cancel();
        co_await nursery.join();
    }
    std::byte rest[1000];
    ssize_t left = ::read(out.get(), rest, sizeof rest);
    got += left > 0 ? static_cast<std::size_t>(left) : 0;
    EXPECT_EQ(got, written) << "a cancel that lost has lost bytes too";
}

TEST(Simulation, ACancelWaitsForBothCompletionsAndLosesNoBytes) {
    auto seen = simulate(&cancel_at_some_time, 0);
    EXPECT_GT(seen.cancels_won, 0U);
    EXPECT_GT(seen.cancels_lost, 0U);
    EXPECT_GT(seen.cancels_astray, 0U);
}

Task<void> everything_stops(World& world) {
    Nursery nursery(world.loop);
    auto [out, in] = make_pipe();
    std::size_t got = 0;
    nursery.spawn(read_until_cancelled(world.loop, out.get(), got));
    nursery.spawn(pipes_that_fail(world));
    co_await sleep(world.loop, std::chrono::nanoseconds(world.random.below(1000)));
    world.loop.cancel_all();
    auto result = co_await settled(nursery.join());
    EXPECT_FALSE(result.ok());
    auto refused = co_await settled(nop(world.loop));
    EXPECT_EQ(refused.error().code(), ECANCELED);
    // Clean-up still works.
    co_await shielded(world.loop, [](Loop& loop) -> Task<void> { co_await sleep(loop, 1ms); }(world.loop));
}

TEST(Simulation, CancelAllStopsWhateverRuns) {
    (void)simulate(&everything_stops, 0);
}

// ---- time ---------------------------------------------------------------------------------------

Task<void> sleeper(World& world, std::chrono::nanoseconds time, std::size_t& awake) {
    auto wanted = world.loop.now() + time;
    co_await sleep(world.loop, time);
    EXPECT_GE(world.loop.now(), wanted);
    ++awake;
}

Task<void> timers(World& world) {
    std::size_t awake = 0;
    {
        Nursery nursery(world.loop);
        for (int i = 0; i < 40; ++i) {
            nursery.spawn(sleeper(world, std::chrono::hours(world.random.below(1000)), awake));
        }
        co_await nursery.join();
    }
    EXPECT_EQ(awake, 40U);
    auto late = co_await settled(within(world.loop, 1s, sleeper(world, 24h, awake)));
    EXPECT_EQ(late.error().code(), ETIMEDOUT);
    auto result = co_await race(world.loop, sleeper(world, 24h, awake), sleeper(world, 1s, awake));
    EXPECT_EQ(result.index(), 1U);
}

TEST(Simulation, TimersStrikeInTheirTimeHoweverLong) {
    (void)simulate(&timers, 0);
}

// ---- bugs that are checked ---------------------------------------------------------------------------

Task<void> returns_past_children(World& world) {
    Nursery nursery(world.loop);
    nursery.spawn(detail::timer(world.loop, 1h));
    co_await nop(world.loop);
}

TEST(SimulationDeathTest, ReturningPastLiveChildrenIsACheckedBug) {
    EXPECT_DEATH((void)simulate(&returns_past_children, 0), "check failed: children_ == 0");
}

Task<void> waits_for_nothing(World& world) {
    auto [out, in] = make_pipe();
    std::byte buffer[1];
    co_await read(world.loop, out.get(), buffer);
}

TEST(SimulationDeathTest, AFailureNamesItsSeed) {
    EXPECT_DEATH((void)simulate(&waits_for_nothing, 0), "sim: seed 1");
}

}  // namespace
}  // namespace urc
