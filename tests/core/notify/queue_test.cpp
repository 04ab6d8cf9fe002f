#include "core/notify/queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace urc::notify {
namespace {

using namespace std::chrono_literals;

Notification say(std::string body, unsigned says) {
    Notification item;
    item.body = std::move(body);
    item.says = static_cast<std::uint8_t>(says);
    return item;
}
Notification other(int i) {
    return say("X_" + std::to_string(i) + "=1", kSaysOther);
}
Notification barrier(std::chrono::nanoseconds due) {
    Notification item = say("BARRIER=1", kSaysBarrier);
    item.due = due;
    return item;
}

// A queue that the first X_ fills up to its last place; what is pushed before counts with it.
void fill(Queue& queue) {
    for (int i = 0; queue.size() < Queue::kItemsMax; ++i) (void)queue.push(other(i));
}

std::vector<std::string> bodies(const std::vector<Notification>& items) {
    std::vector<std::string> bodies;
    for (const Notification& item : items) bodies.push_back(item.body);
    return bodies;
}

std::vector<std::string> all_but_others(Queue& queue) {
    std::vector<std::string> bodies;
    while (!queue.empty()) {
        Notification item = queue.pop();
        if (!item.body.starts_with("X_")) bodies.push_back(item.body);
    }
    return bodies;
}

TEST(NotifyQueue, LeavesEverythingAloneWhileThereIsRoom) {
    Queue queue;
    for (int i = 0; i < 1000; ++i) (void)queue.push(say("STATUS=" + std::to_string(i), kSaysStatus));
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(queue.pop().body, "STATUS=" + std::to_string(i));
    EXPECT_TRUE(queue.empty());
}

TEST(NotifyQueue, KeepsTheLastStatusBeforeEachMarkAndTheLastWatchdog) {
    Queue queue;
    (void)queue.push(say("X_FIRST=1", kSaysOther));
    (void)queue.push(say("STATUS=a", kSaysStatus));
    (void)queue.push(say("WATCHDOG=1", kSaysWatchdog));
    (void)queue.push(say("STATUS=b", kSaysStatus));
    (void)queue.push(say("READY=1", kSaysMark | kSaysReady));
    (void)queue.push(say("STATUS=c", kSaysStatus));
    (void)queue.push(say("WATCHDOG=1", kSaysWatchdog));
    (void)queue.push(say("STATUS=d", kSaysStatus));
    (void)queue.push(say("STOPPING=1", kSaysMark));
    fill(queue);
    const Queue::Gone gone = queue.push(say("STATUS=e", kSaysStatus));
    EXPECT_EQ(bodies(gone.superseded), (std::vector<std::string>{"STATUS=a", "WATCHDOG=1", "STATUS=c"}));
    EXPECT_EQ(bodies(gone.dropped), std::vector<std::string>());
    const std::vector<std::string> expected{"STATUS=b", "READY=1",    "WATCHDOG=1",
                                            "STATUS=d", "STOPPING=1", "STATUS=e"};
    EXPECT_EQ(all_but_others(queue), expected);
}

TEST(NotifyQueue, ADatagramOfBothStaysUntilBothAreSaidAgain) {
    Queue queue;
    (void)queue.push(say("X_FIRST=1", kSaysOther));
    (void)queue.push(say("WATCHDOG=1\nSTATUS=a", kSaysWatchdog | kSaysStatus));
    fill(queue);
    (void)queue.push(say("WATCHDOG=1", kSaysWatchdog));
    const std::vector<std::string> expected{"WATCHDOG=1\nSTATUS=a", "WATCHDOG=1"};
    EXPECT_EQ(all_but_others(queue), expected);
}

TEST(NotifyQueue, DropsTheOldestThatIsNoMarkWhenNothingCanBeSuperseded) {
    Queue queue;
    (void)queue.push(say("READY=1", kSaysMark | kSaysReady));
    (void)queue.push(say("ERRNO=2", kSaysMark));
    fill(queue);
    const Queue::Gone gone = queue.push(other(-1));
    EXPECT_EQ(bodies(gone.dropped), std::vector<std::string>{"X_0=1"});
    EXPECT_EQ(queue.size(), Queue::kItemsMax);
    EXPECT_EQ(queue.pop().body, "READY=1");
    EXPECT_EQ(queue.pop().body, "ERRNO=2");
    EXPECT_EQ(queue.pop().body, "X_1=1");
}

TEST(NotifyQueue, DropsABarrierBeforeAMarkAndAMarkOnlyAmongNothingElse) {
    Queue queue;
    (void)queue.push(say("RELOADING=1", kSaysMark));
    (void)queue.push(barrier(1s));
    (void)queue.push(say("READY=1", kSaysMark | kSaysReady));
    while (queue.size() < Queue::kItemsMax) (void)queue.push(say("ERRNO=1", kSaysMark));
    EXPECT_EQ(bodies(queue.push(say("ERRNO=2", kSaysMark)).dropped), std::vector<std::string>{"BARRIER=1"});
    EXPECT_EQ(queue.until_due(0s, 7s), 7s) << "the barrier is still there";
    const Queue::Gone gone = queue.push(say("STOPPING=1", kSaysMark));
    EXPECT_EQ(bodies(gone.dropped), std::vector<std::string>{"READY=1"}) << "the oldest mark but the first";
    EXPECT_EQ(queue.front().body, "RELOADING=1") << "the first may be on its way";
}

TEST(NotifyQueue, IsBoundedInBytesAndDescriptorsToo) {
    Queue queue;
    for (int i = 0; i < 400; ++i) (void)queue.push(say(std::string(4096, 'x'), kSaysOther));
    EXPECT_EQ(queue.size(), Queue::kBytesMax / 4096);
    EXPECT_TRUE(queue.is_nearly_full());

    Queue descriptors;
    for (int i = 0; i < 6; ++i) {
        Notification item = say("FDSTORE=1", kSaysOther);
        for (int k = 0; k < 100; ++k) item.fds.push_back(Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
        (void)descriptors.push(std::move(item));
    }
    EXPECT_EQ(descriptors.size(), 5U);
}

TEST(NotifyQueue, GivesUpABarrierWhenItsTimeIsOverAndClosesItsDescriptor) {
    Queue queue;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    Fd reading(ends[0]);
    Notification item = barrier(10s);
    item.fds.push_back(Fd(ends[1]));
    (void)queue.push(other(1));
    (void)queue.push(std::move(item));
    (void)queue.push(barrier(20s));
    char byte;
    EXPECT_EQ(queue.expire(9s).size(), 0U);
    EXPECT_EQ(queue.until_due(9s, 30s), 1s);
    EXPECT_EQ(::read(reading.get(), &byte, 1), -1) << "the descriptor was closed too early";
    EXPECT_EQ(queue.expire(10s).size(), 1U);
    EXPECT_EQ(::read(reading.get(), &byte, 1), 0) << "the descriptor is still open";
    EXPECT_EQ(queue.until_due(10s, 30s), 10s);
    EXPECT_EQ(queue.until_due(25s, 30s), 0s);
    EXPECT_EQ(queue.size(), 2U);
}

}  // namespace
}  // namespace urc::notify
