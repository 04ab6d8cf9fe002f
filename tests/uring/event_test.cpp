#include "uring/event.h"

#include <vector>

#include "tests/uring/loop_fixture.h"
#include "uring/nursery.h"
#include "uring/race.h"

namespace urc {
namespace {

using namespace std::chrono_literals;
using EventTest = LoopTest;

Task<void> consume(Event& event, std::vector<int>& queue, int& sum, std::size_t& wakes) {
    while (sum < 6) {
        co_await event.wait();
        ++wakes;
        for (int value : queue) sum += value;
        queue.clear();
    }
}
Task<void> produce(Event& event, std::vector<int>& queue) {
    for (int value : {1, 2, 3}) {
        queue.push_back(value);
        event.set();
    }
    co_return;
}
Task<void> both(Loop& loop, int& sum, std::size_t& wakes) {
    Event event(loop);
    std::vector<int> queue;
    Nursery nursery(loop);
    nursery.spawn(consume(event, queue, sum, wakes));
    nursery.spawn(produce(event, queue));
    co_await nursery.join();
}

TEST_F(EventTest, ManySetsAreOneWake) {
    int sum = 0;
    std::size_t wakes = 0;
    ASSERT_TRUE(run(both(loop(), sum, wakes)).ok());
    EXPECT_EQ(sum, 6);
    EXPECT_EQ(wakes, 1u);
}

Task<void> set_before(Loop& loop) {
    Event event(loop);
    event.set();
    co_await event.wait();
    // It was consumed: this one waits until it is given up.
    auto again =
        co_await settled(within(loop, 1ms, [](Event& e) -> Task<void> { co_await e.wait(); }(event)));
    EXPECT_FALSE(again.ok());
    EXPECT_EQ(again.error().code(), ETIMEDOUT);
}

TEST_F(EventTest, ASetBeforeTheWaitIsKeptOnce) {
    ASSERT_TRUE(run(set_before(loop())).ok());
}

Task<void> wait_for_nothing(Event& event, bool& was_cancelled) {
    auto result = co_await settled(event.wait());
    was_cancelled = !result.ok() && result.error().code() == ECANCELED;
}
Task<void> cancelled(Loop& loop, bool& was_cancelled, bool is_set) {
    Event event(loop);
    Nursery nursery(loop);
    nursery.spawn(wait_for_nothing(event, was_cancelled));
    co_await sleep(loop, 1ms);
    if (is_set) event.set();
    nursery.cancel();
    co_await nursery.join();
}

TEST_F(EventTest, AWaitCanBeCancelled) {
    bool was_cancelled = false;
    ASSERT_TRUE(run(cancelled(loop(), was_cancelled, false)).ok());
    EXPECT_TRUE(was_cancelled);
}

TEST_F(EventTest, ASetThatCameFirstStands) {
    bool was_cancelled = true;
    ASSERT_TRUE(run(cancelled(loop(), was_cancelled, true)).ok());
    EXPECT_FALSE(was_cancelled);
}

}  // namespace
}  // namespace urc
