#include "core/monitor/pipes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/uring/loop_fixture.h"
#include "uring/file.h"

namespace urc::monitor {
namespace {

CreateOptions with_sinks(bool is_interactive = false) {
    CreateOptions options;
    options.sinks.emplace_back();
    options.is_interactive = is_interactive;
    return options;
}

bool is_null(const Fd& fd) {
    struct stat info {};
    return ::fstat(fd.get(), &info) == 0 && info.st_rdev == makedev(1, 3);
}

// What is written to `to` comes out at `from`, and its end as well.
void expect_joined(Fd& from, Fd& to) {
    ASSERT_TRUE(from && to);
    ASSERT_TRUE(write_all(to.get(), "hello", "the pipe"));
    to.reset();
    auto text = read_all(from.get(), 100, "the pipe");
    ASSERT_TRUE(text) << text.error().text();
    EXPECT_EQ(*text, "hello");
}

class MonitorPipes : public testing::Test {
protected:
    ~MonitorPipes() override { leaks_.check(); }
    LeakCheck leaks_;
};

TEST_F(MonitorPipes, WithoutSinksThereAreNone) {
    auto pipes = Pipes::make(CreateOptions(), true);
    ASSERT_TRUE(pipes);
    const Attendance attendance = pipes->attendance(7, true);
    EXPECT_EQ(attendance.stdio, (std::array{-1, -1, -1}));
    EXPECT_EQ(attendance.pid, 7);
    EXPECT_TRUE(attendance.is_monitor);
    EXPECT_FALSE(pipes->in || pipes->out || pipes->err);
}

TEST_F(MonitorPipes, OutputAndErrorsComeSeparately) {
    auto pipes = Pipes::make(with_sinks(), true);
    ASSERT_TRUE(pipes);
    expect_joined(pipes->out, pipes->container[1]);
    expect_joined(pipes->err, pipes->container[2]);
}

TEST_F(MonitorPipes, StdinIsEmptyOpenOrTheCallers) {
    auto detached = Pipes::make(with_sinks(), true);
    ASSERT_TRUE(detached);
    EXPECT_TRUE(is_null(detached->container[0]));
    EXPECT_FALSE(detached->in);

    auto interactive = Pipes::make(with_sinks(true), true);
    ASSERT_TRUE(interactive);
    // A container that does not read must not hold up who relays for it; its own end waits, as usual.
    EXPECT_TRUE(::fcntl(interactive->in.get(), F_GETFL) & O_NONBLOCK);
    EXPECT_FALSE(::fcntl(interactive->container[0].get(), F_GETFL) & O_NONBLOCK);
    expect_joined(interactive->container[0], interactive->in);

    auto foreground = Pipes::make(with_sinks(true), false);
    ASSERT_TRUE(foreground);
    EXPECT_EQ(foreground->attendance(1, false).stdio[0], -1);
    EXPECT_FALSE(foreground->in);
}

TEST_F(MonitorPipes, NothingIsInheritedByAccident) {
    auto pipes = Pipes::make(with_sinks(true), true);
    ASSERT_TRUE(pipes);
    for (const Fd* fd : {&pipes->container[0], &pipes->container[1], &pipes->container[2], &pipes->in,
                         &pipes->out, &pipes->err})
        EXPECT_EQ(::fcntl(fd->get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(MonitorPipes, EachSideClosesTheOthersEnds) {
    auto pipes = Pipes::make(with_sinks(true), true);
    ASSERT_TRUE(pipes);
    pipes->close_containers_ends();
    EXPECT_EQ(pipes->attendance(1, true).stdio, (std::array{-1, -1, -1}));
    char byte;
    EXPECT_EQ(::read(pipes->out.get(), &byte, 1), 0);
    pipes->close_attendants_ends();
    EXPECT_FALSE(pipes->in || pipes->out || pipes->err);
}

}  // namespace
}  // namespace urc::monitor
