#include "core/terminal/relay.h"

#include <pty.h>
#include <termios.h>

#include <chrono>

#include "core/terminal/terminal.h"
#include "tests/uring/loop_fixture.h"
#include "uring/deadline.h"
#include "uring/nursery.h"
#include "uring/ops_file.h"

namespace urc::terminal {
namespace {

using namespace std::chrono_literals;

struct Pty {
    Fd master, slave;
};

class RelayTest : public LoopTest {
protected:
    void SetUp() override {
        LoopTest::SetUp();
        if (!loop_) return;
        inner_ = open_pty();
        if (!inner_.master) GTEST_SKIP() << "no pty";
    }
    void TearDown() override {
        inner_ = {};
        LoopTest::TearDown();
    }
    static Pty open_pty() {
        int ends[2] = {-1, -1};
        termios raw{};
        ::cfmakeraw(&raw);
        if (::openpty(&ends[0], &ends[1], nullptr, &raw, nullptr) < 0) return {};
        return {Fd(ends[0]), Fd(ends[1])};
    }
    std::unique_ptr<Relay> open(Caller& caller) {
        auto opened = Relay::open(loop(), caller, std::move(inner_.master));
        EXPECT_TRUE(opened) << opened.error().text();
        return std::move(*opened);
    }

    Pty inner_;
};

Task<void> cancelled_with_a_full_stdout(Loop& loop, Relay& relay) {
    Nursery nursery(loop);
    nursery.spawn(relay.run());
    co_await sleep(loop, 5ms);
    nursery.cancel();
    co_await nursery.join();
}
Task<void> finish_and_read(Loop& loop, Relay& relay, int out, std::size_t size, std::string& got) {
    Nursery nursery(loop);
    nursery.spawn(relay.finish());
    std::array<std::byte, 4096> buffer;
    while (got.size() < size) {
        std::size_t count = co_await read_polled(loop, out, buffer);
        got += text_of(std::span(buffer).first(count));
    }
    co_await nursery.join();
}

TEST_F(RelayTest, WhatAFullStdoutDidNotTakeIsThereAfterTheCancelling) {
    auto [out, in] = make_pipe();
    ASSERT_EQ(::fcntl(in.get(), F_SETPIPE_SZ, 4096), 4096);
    auto null = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    Caller caller({.in = null.get(), .out = in.get(), .err = in.get()});
    auto relay = open(caller);
    std::string text(10'000, 'x');
    for (std::size_t i = 0; i < text.size(); i += 7) text[i] = static_cast<char>('a' + i % 26);
    ASSERT_EQ(::write(inner_.slave.get(), text.data(), text.size()), 10'000);
    ASSERT_TRUE(run(cancelled_with_a_full_stdout(loop(), *relay)));
    std::string got;
    ASSERT_TRUE(run(finish_and_read(loop(), *relay, out.get(), text.size(), got)));
    EXPECT_TRUE(got == text);
    EXPECT_EQ(::fcntl(in.get(), F_GETFL) & O_NONBLOCK, 0) << "the caller's description was changed";
}

Task<void> run_to_its_end(Relay& relay) {
    co_await relay.run();
}

TEST_F(RelayTest, AStdoutThatHasGoneHangsUpTheTerminal) {
    auto [out, in] = make_pipe();
    auto null = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    Caller caller({.in = null.get(), .out = in.get(), .err = in.get()});
    auto relay = open(caller);
    ASSERT_EQ(::write(inner_.slave.get(), "x", 1), 1);
    out.reset();
    ASSERT_TRUE(run(run_to_its_end(*relay)));
    EXPECT_EQ(::write(inner_.slave.get(), "x", 1), -1);
    EXPECT_EQ(errno, EIO);
}

TEST_F(RelayTest, TheSizeIsThatOfTheFirstStreamThatIsATerminal) {
    Pty outer = open_pty();
    const winsize size{.ws_row = 21, .ws_col = 83, .ws_xpixel = 0, .ws_ypixel = 0};
    ASSERT_EQ(::ioctl(outer.master.get(), TIOCSWINSZ, &size), 0);
    auto null = Fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    Caller caller({.in = null.get(), .out = null.get(), .err = outer.slave.get()});
    auto relay = open(caller);
    winsize got{};
    ASSERT_EQ(::ioctl(inner_.slave.get(), TIOCGWINSZ, &got), 0);
    EXPECT_EQ(got.ws_row, 21);
    EXPECT_EQ(got.ws_col, 83);
}

TEST_F(RelayTest, ACallerWithoutATerminalLeavesTheSizeAlone) {
    ASSERT_TRUE(set_size(inner_.master.get(), {.height = 33, .width = 99}));
    auto null = Fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    Caller caller({.in = null.get(), .out = null.get(), .err = null.get()});
    auto relay = open(caller);
    winsize got{};
    ASSERT_EQ(::ioctl(inner_.slave.get(), TIOCGWINSZ, &got), 0);
    EXPECT_EQ(got.ws_row, 33);
}

TEST(Caller, RawModeIsGivenBackWithTheLastWord) {
    int ends[2] = {-1, -1};
    if (::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) < 0) GTEST_SKIP() << "no pty";
    Fd master(ends[0]), slave(ends[1]);
    termios before{}, during{}, after{};
    ASSERT_EQ(::tcgetattr(slave.get(), &before), 0);
    {
        Caller caller({.in = slave.get(), .out = slave.get(), .err = slave.get()});
        ASSERT_TRUE(caller.take());
        ASSERT_TRUE(caller.take());  // again, as after SIGCONT: what it gives back stays what it found
        ASSERT_EQ(::tcgetattr(slave.get(), &during), 0);
    }
    ASSERT_EQ(::tcgetattr(slave.get(), &after), 0);
    EXPECT_EQ(during.c_lflag & ICANON, 0U);
    EXPECT_EQ(after.c_lflag, before.c_lflag);
    EXPECT_EQ(after.c_iflag, before.c_iflag);
}

TEST(VerifyMaster, TakesAMasterOfADevptsAndNothingElse) {
    // Not /dev/ptmx, which lies elsewhere.
    auto master = Fd(::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master) GTEST_SKIP() << "/dev/pts/ptmx cannot be opened";
    EXPECT_TRUE(verify_master(master.get()));
    int ends[2] = {-1, -1};
    if (::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) < 0) GTEST_SKIP() << "no pty";
    Fd elsewhere(ends[0]), slave(ends[1]);
    EXPECT_FALSE(verify_master(slave.get()));
    auto null = Fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    EXPECT_FALSE(verify_master(null.get()));
}

}  // namespace
}  // namespace urc::terminal
