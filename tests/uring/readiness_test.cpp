#include "uring/readiness.h"

#include <sys/socket.h>

#include <array>
#include <string>

#include "tests/uring/loop_fixture.h"
#include "uring/nursery.h"
#include "uring/ops_file.h"

namespace urc {
namespace {

using ReadinessTest = LoopTest;

std::string take(int fd, std::size_t size) {
    std::string text(size, '\0');
    const ssize_t count = ::recv(fd, text.data(), size, MSG_DONTWAIT);
    text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return text;
}

Task<void> until(Readiness& readiness, Event& changed, unsigned events) {
    while (!readiness.has(events)) co_await changed.wait();
}

Task<void> sees_each_change(Loop& loop) {
    auto [near, far] = make_socketpair();
    Event changed(loop);
    Readiness readiness(loop, near.get(), changed);
    readiness.watch();
    co_await until(readiness, changed, POLLOUT);
    EXPECT_FALSE(readiness.has(POLLIN));

    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(::send(far.get(), "x", 1, 0), 1);
        co_await until(readiness, changed, POLLIN);
        EXPECT_EQ(take(near.get(), 100), "x");
        readiness.clear(POLLIN);
    }
    far.reset();
    co_await until(readiness, changed, POLLHUP);
    EXPECT_TRUE(readiness.has(POLLIN));
    co_await readiness.close();
}

TEST_F(ReadinessTest, EachChangeSetsItsFlagAgain) {
    EXPECT_TRUE(run(sees_each_change(loop())).ok());
}

Task<void> is_quiet_about_what_lasts(Loop& loop) {
    auto [near, far] = make_socketpair();
    Event changed(loop);
    Readiness readiness(loop, near.get(), changed);
    EXPECT_EQ(::send(far.get(), "x", 1, 0), 1);
    far.reset();
    readiness.watch();
    co_await until(readiness, changed, POLLIN);
    // Nobody reads and the peer has closed: poll(2) would tell so for ever.
    int wakes = 0;
    for (int i = 0; i < 20; ++i) {
        co_await nop(loop);
        if (readiness.has(POLLIN)) readiness.clear(POLLIN | POLLOUT | POLLHUP | POLLRDHUP), ++wakes;
    }
    EXPECT_LE(wakes, 2);
    co_await readiness.close();
}

TEST_F(ReadinessTest, AStateThatLastsIsToldOnce) {
    EXPECT_TRUE(run(is_quiet_about_what_lasts(loop())).ok());
}

Task<void> wait_for_ever(Loop& loop, int fd, Event& begun) {
    Event changed(loop);
    Readiness readiness(loop, fd, changed);
    readiness.watch();
    begun.set();
    for (;;) {
        readiness.clear(~0U);
        co_await changed.wait();
    }
}

Task<void> cancel_it(Loop& loop, int fd) {
    Event begun(loop);
    Nursery nursery(loop);
    nursery.spawn(wait_for_ever(loop, fd, begun));
    co_await begun.wait();
    co_await nop(loop);
    nursery.cancel();
    co_await nursery.join();
}

TEST_F(ReadinessTest, ACancelledTaskEndsItsPoll) {
    auto [near, far] = make_socketpair();
    EXPECT_TRUE(run(cancel_it(loop(), near.get())).ok());
    EXPECT_EQ(loop().in_flight(), 0U);
}

Task<void> close_frees_the_file(Loop& loop) {
    auto [near, far] = make_socketpair();
    Event changed(loop);
    Readiness readiness(loop, near.get(), changed);
    readiness.watch();
    co_await until(readiness, changed, POLLOUT);
    co_await readiness.close();
    near.reset();
    std::array<char, 1> byte;
    EXPECT_EQ(::recv(far.get(), byte.data(), 1, MSG_DONTWAIT), 0) << "the poll holds the file open";
}

TEST_F(ReadinessTest, CloseLetsTheDescriptorGo) {
    EXPECT_TRUE(run(close_frees_the_file(loop())).ok());
}

Task<void> bad_descriptor(Loop& loop) {
    Event changed(loop);
    Readiness readiness(loop, 1 << 20, changed);
    readiness.watch();
    co_await until(readiness, changed, POLLIN);
    EXPECT_TRUE(readiness.has(POLLERR));
    co_await readiness.close();
}

TEST_F(ReadinessTest, ARefusedPollIsReadyForEverything) {
    EXPECT_TRUE(run(bad_descriptor(loop())).ok());
}

}  // namespace
}  // namespace urc
