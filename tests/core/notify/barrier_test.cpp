// Barriers: a container's, which only the manager may end, and our own after READY.
#include <gtest/gtest.h>

#include "core/notify/proxy.h"
#include "tests/core/notify/notify_fixture.h"

namespace urc::notify {
namespace {

class NotifyBarrierTest : public NotifyTest {
public:
    // The container's end of a barrier that has been sent.
    Fd send_barrier() {
        auto [reading, writing] = make_pipe(O_NONBLOCK);
        EXPECT_EQ(send("BARRIER=1", {writing.get()}), 0);
        return std::move(reading);
    }
    static bool is_over(int fd) {
        char byte;
        return ::read(fd, &byte, 1) == 0;
    }
};

TEST_F(NotifyBarrierTest, EndsExactlyWhenTheManagerHasClosedItsCopy) {
    open();
    ASSERT_EQ(send("STATUS=a"), 0);
    ASSERT_EQ(send("READY=1"), 0);
    Fd reading = send_barrier();
    ASSERT_EQ(send("STATUS=b"), 0);
    serve_while([](NotifyBarrierTest& test, int fd) -> Task<void> {
        for (const char* body : {"STATUS=a", "READY=1"}) {
            Received received = co_await test.manager->next(test.loop());
            EXPECT_EQ(received.body, body);
        }
        Received barrier = co_await test.manager->next(test.loop());
        EXPECT_EQ(barrier.body, "BARRIER=1");
        CO_ASSERT(barrier.fds.size() == 1);
        Received after = co_await test.manager->next(test.loop());
        EXPECT_EQ(after.body, "STATUS=b");
        EXPECT_FALSE(is_over(fd)) << "somebody let go of it before the manager did";
        barrier.fds.clear();
        co_await poll(test.loop(), fd, 0);
        EXPECT_TRUE(is_over(fd)) << "the proxy has kept a copy";
    }(*this, reading.get()));
}

TEST_F(NotifyBarrierTest, IsGivenUpWhenTheManagerDoesNotRead) {
    options.barrier_max = 50ms;
    open();
    // More than a socket's queue holds (net.unix.max_dgram_qlen), so that the barrier cannot go upstream.
    Child child([this] {
        for (int i = 0; i < 900; ++i)
            if (int code = send("X_" + std::to_string(i) + "=1"); code != 0) return code;
        return 0;
    });
    members.insert(child.pid());
    serve_while([](NotifyBarrierTest& test, Child& sender) -> Task<void> {
        Fd process(static_cast<int>(::syscall(SYS_pidfd_open, sender.pid(), 0)));
        co_await poll(test.loop(), process.get(), POLLIN);
        Fd reading = test.send_barrier();
        co_await poll(test.loop(), reading.get(), 0);
        EXPECT_TRUE(is_over(reading.get()));
        // What was before and after it is not touched.
        EXPECT_EQ(test.send("END=1"), 0);
        std::vector<std::string> bodies = co_await test.manager->until(test.loop(), "END=1");
        EXPECT_EQ(bodies.size(), 901U);
    }(*this, child));
    EXPECT_EQ(child.wait(), 0);
}

TEST_F(NotifyBarrierTest, ThatIsWrongIsClosedAndNotForwarded) {
    auto [reading, writing] = make_pipe(O_NONBLOCK);
    open();
    const int fd = writing.get();
    EXPECT_EQ(sent("BARRIER=1", {fd, fd}), Bodies{});
    EXPECT_EQ(sent("BARRIER=1\nREADY=1", {fd}), Bodies{});
    EXPECT_EQ(sent("BARRIER=1"), Bodies{});
    writing.reset();
    EXPECT_TRUE(is_over(reading.get()));
    EXPECT_FALSE(proxy->is_ready());
}

TEST_F(NotifyBarrierTest, OfOurOwnEndsTheWaitForReady) {
    open();
    ASSERT_EQ(send("READY=1"), 0);
    serve_while([](NotifyBarrierTest& test) -> Task<void> {
        Kept<void> first(test.proxy->until_ready());
        Kept<void> second(test.proxy->until_ready());
        Nursery nursery(test.loop());
        first.start(nursery);
        second.start(nursery);
        Received ready = co_await test.manager->next(test.loop());
        EXPECT_EQ(ready.body, "READY=1");
        for (int i = 0; i < 2; ++i) {
            Received barrier = co_await test.manager->next(test.loop());
            EXPECT_EQ(barrier.body, "BARRIER=1");
            EXPECT_EQ(barrier.fds.size(), 1U);
            EXPECT_EQ(nursery.children(), 2U) << "the manager has not closed its copy yet";
        }
        co_await nursery.join();
    }(*this));
    EXPECT_TRUE(proxy->is_ready());
}

TEST_F(NotifyBarrierTest, OfOurOwnIsNotWaitedForForEver) {
    options.barrier_max = 20ms;
    open();
    ASSERT_EQ(send("READY=1"), 0);
    serve_while(proxy->until_ready());
    EXPECT_EQ(manager->is_bound(), true);
}

TEST_F(NotifyBarrierTest, AWaitForReadyCanBeCancelled) {
    open();
    serve_while([](NotifyBarrierTest& test) -> Task<void> {
        auto waited = co_await settled(within(test.loop(), 1ms, test.proxy->until_ready()));
        CO_ASSERT(!waited.ok());
        EXPECT_EQ(waited.error().code(), ETIMEDOUT);
    }(*this));
}

}  // namespace
}  // namespace urc::notify
