#include "uring/timer_queue.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/sim/sim_backend.h"

namespace urc {
namespace {

using std::chrono::nanoseconds;

TEST(TimerQueue, ComesOutInOrderWhateverIsTakenOutOfItsMiddle) {
    Random random(7);
    TimerQueue queue;
    std::array<Timer, 60> timers;
    for (int round = 0; round < 200; ++round) {
        std::size_t queued = 0;
        for (Timer& timer : timers) queue.add(timer, nanoseconds(random.below(1000)));
        for (Timer& timer : timers) {
            if (random.chance(500)) queue.remove(timer);
            queued += timer.is_queued();
        }
        nanoseconds before(0);
        for (; queued > 0; --queued) {
            Timer* first = queue.first();
            ASSERT_NE(first, nullptr);
            ASSERT_GE(first->time(), before);
            before = first->time();
            queue.remove(*first);
            ASSERT_FALSE(first->is_queued());
        }
        ASSERT_EQ(queue.first(), nullptr);
    }
}

TEST(TimerQueue, TakesOutNothingWhenTheTimerIsNotThere) {
    TimerQueue queue;
    Timer timer;
    queue.remove(timer);
    EXPECT_EQ(queue.first(), nullptr);
    queue.add(timer, nanoseconds(1));
    queue.remove(timer);
    queue.remove(timer);
    EXPECT_EQ(queue.first(), nullptr);
}

}  // namespace
}  // namespace urc
