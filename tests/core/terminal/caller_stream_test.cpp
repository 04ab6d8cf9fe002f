// Streams that cannot be opened once more by way of /proc/self/fd: another user's pipe.
#include "core/terminal/caller_stream.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/uring/loop_fixture.h"
#include "uring/file.h"

namespace urc::terminal {
namespace {

class CallerStreamTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
        std::tie(from_, to_) = make_pipe();
    }
    static CallerStream as_nobody(int fd, Direction direction) {
        EXPECT_EQ(::seteuid(65534), 0);
        CallerStream stream(fd, direction);
        EXPECT_EQ(::seteuid(0), 0);
        return stream;
    }
    Fd from_, to_;
};

TEST_F(CallerStreamTest, APipeOfAnotherUserIsReadWithoutWaiting) {
    const CallerStream in = as_nobody(from_.get(), Direction::input);
    EXPECT_EQ(in.get(), from_.get()) << "it has not opened its own";
    std::array<std::byte, 100> bytes;
    EXPECT_EQ(in.read(bytes), -1);
    EXPECT_EQ(errno, EAGAIN);
    ASSERT_EQ(::write(to_.get(), "text", 4), 4);
    EXPECT_EQ(in.read(bytes), 4);
    to_.reset();
    EXPECT_EQ(in.read(bytes), 0) << "the end";
}

TEST_F(CallerStreamTest, APipeOfAnotherUserIsWrittenWithoutWaiting) {
    const CallerStream out = as_nobody(to_.get(), Direction::output);
    EXPECT_EQ(out.get(), to_.get());
    const std::string text(10'000, 'x');
    const auto bytes = std::as_bytes(std::span(text));
    std::size_t written = 0;
    ssize_t count = 0;
    // The pipe is a blocking one: the write that finds it full would not come back.
    while ((count = out.write(bytes)) > 0) written += static_cast<std::size_t>(count);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_GT(written, 0U);
    EXPECT_EQ(::fcntl(to_.get(), F_GETFL) & O_NONBLOCK, 0) << "nothing of it is changed";
}

}  // namespace
}  // namespace urc::terminal
