#include "uring/nursery.h"

#include "tests/uring/loop_fixture.h"
#include "uring/ops_file.h"
#include "uring/race.h"

namespace urc {
namespace {

using namespace std::chrono_literals;
using NurseryTest = LoopTest;

Task<void> count_up(Loop& loop, int& counter) {
    co_await nop(loop);
    ++counter;
}
Task<void> fail_with(Loop& loop, int code) {
    co_await nop(loop);
    co_await fail(Error(code, "child"));
}
Task<void> wait_for_ever(Loop& loop, int& cancelled) {
    auto [reader, writer] = make_pipe();
    std::byte buffer[1];
    auto result = co_await settled(read(loop, reader.get(), buffer));
    EXPECT_FALSE(result.ok());
    if (!result.ok() && result.error().code() == ECANCELED) ++cancelled;
    if (!result.ok()) co_await fail(std::move(result).error());
}

Task<void> spawn_many(Loop& loop, int& counter) {
    Nursery nursery(loop);
    for (int i = 0; i < 1000; ++i) nursery.spawn(count_up(loop, counter));
    EXPECT_EQ(counter, 0);  // they start when we wait
    co_await nursery.join();
    EXPECT_EQ(counter, 1000);
}

TEST_F(NurseryTest, JoinWaitsForAllChildren) {
    int counter = 0;
    EXPECT_TRUE(run(spawn_many(loop(), counter)).ok());
}

Task<void> first_error(Loop& loop, int& cancelled) {
    Nursery nursery(loop);
    nursery.spawn(wait_for_ever(loop, cancelled));
    nursery.spawn(fail_with(loop, EIO));
    nursery.spawn(wait_for_ever(loop, cancelled));
    co_await nursery.join();
    ADD_FAILURE();
}

TEST_F(NurseryTest, TheFirstErrorCancelsTheOthersAndIsTheOneReported) {
    int cancelled = 0;
    auto result = run(first_error(loop(), cancelled));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), EIO);
    EXPECT_EQ(cancelled, 2);
}

Task<void> cancel_by_hand(Loop& loop, int& cancelled) {
    Nursery nursery(loop);
    nursery.spawn(wait_for_ever(loop, cancelled));
    co_await nop(loop);
    nursery.cancel();
    co_await nursery.join();
}

TEST_F(NurseryTest, CancellingIsNoErrorForTheOneWhoWantedIt) {
    int cancelled = 0;
    EXPECT_TRUE(run(cancel_by_hand(loop(), cancelled)).ok());
    EXPECT_EQ(cancelled, 1);
}

Task<void> leaves_by_error(Loop& loop, int& cancelled) {
    Nursery outer(loop);
    outer.spawn(wait_for_ever(loop, cancelled));
    Nursery inner(loop);
    inner.spawn(wait_for_ever(loop, cancelled));
    inner.spawn(wait_for_ever(loop, cancelled));
    co_await nop(loop);
    co_await fail_with(loop, ENOSPC);
}
Task<int> settles_leaver(Loop& loop, int& cancelled) {
    auto result = co_await settled(leaves_by_error(loop, cancelled));
    EXPECT_EQ(result.error().code(), ENOSPC);
    co_return cancelled;
}

TEST_F(NurseryTest, ATaskThatEndsByAnErrorCancelsAndJoinsItsChildrenFirst) {
    int cancelled = 0;
    EXPECT_EQ(*run(settles_leaver(loop(), cancelled)), 3);
}

Task<int> body_returns_early(Nursery& nursery, Loop* loop, int* cancelled) {
    nursery.spawn(wait_for_ever(*loop, *cancelled));
    co_await nop(*loop);
    co_return 7;
}

TEST_F(NurseryTest, WithNurseryCancelsWhatItsBodyLeavesRunning) {
    int cancelled = 0;
    EXPECT_EQ(*run(with_nursery(loop(), &body_returns_early, &loop(), &cancelled)), 7);
    EXPECT_EQ(cancelled, 1);
}

Task<int> after(Loop& loop, std::chrono::nanoseconds time, int value) {
    co_await sleep(loop, time);
    co_return value;
}

Task<void> all_of_them(Loop& loop) {
    int counter = 0;
    auto [a, b, c] = co_await all(loop, after(loop, 2ms, 1), after(loop, 1ms, 2), count_up(loop, counter));
    EXPECT_EQ(counter, 1);
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, 2);
    EXPECT_EQ(c, std::monostate{});
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 50; ++i) tasks.push_back(after(loop, std::chrono::microseconds(100 - i), i));
    std::vector<int> values = co_await all(loop, std::move(tasks));
    for (int i = 0; i < 50; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
}

TEST_F(NurseryTest, AllGivesTheValuesInTheOrderOfTheTasks) {
    EXPECT_TRUE(run(all_of_them(loop())).ok());
}

Task<void> all_with_error(Loop& loop) {
    (void)co_await all(loop, after(loop, 1h, 1), fail_with(loop, EDOM));
    ADD_FAILURE();
}

TEST_F(NurseryTest, AllEndsWithTheFirstErrorAndWaitsForNobodyElse) {
    EXPECT_EQ(run(all_with_error(loop())).error().code(), EDOM);
}

Task<void> races(Loop& loop) {
    auto winner = co_await race(loop, after(loop, 1h, 1), after(loop, 1ms, 2));
    EXPECT_EQ(winner.index(), 1U);
    EXPECT_EQ(std::get<1>(winner), 2);
    auto lost = co_await settled(race(loop, fail_with(loop, EDOM), after(loop, 1h, 2)));
    EXPECT_FALSE(lost.ok());
    EXPECT_EQ(lost.error().code(), EDOM);
}

TEST_F(NurseryTest, TheFirstEndOfARaceDecidesGoodOrBad) {
    EXPECT_TRUE(run(races(loop())).ok());
}

Task<void> in_time(Loop& loop) {
    EXPECT_EQ(co_await within(loop, 1h, after(loop, 1ms, 4)), 4);
    auto late = co_await settled(within(loop, 1ms, after(loop, 1h, 4)));
    EXPECT_EQ(late.error().code(), ETIMEDOUT);
    auto failed = co_await settled(within(loop, 1h, fail_with(loop, EDOM)));
    EXPECT_EQ(failed.error().code(), EDOM);
}

TEST_F(NurseryTest, WithinGivesATaskOnlySoMuchTime) {
    EXPECT_TRUE(run(in_time(loop())).ok());
}

}  // namespace
}  // namespace urc
