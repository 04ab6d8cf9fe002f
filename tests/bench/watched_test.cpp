#include "bench/watched.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace urc::bench {
namespace {

void burn(std::uint64_t milliseconds) {
    timespec used{};
    do {
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (static_cast<std::uint64_t>(used.tv_sec * 1000 + used.tv_nsec / 1'000'000) < milliseconds);
}

TEST(Watched, GivesTheProcessOwnTimeAfterItsEndAndNotItsChildrens) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        const pid_t child = ::fork();
        burn(child == 0 ? 400 : 50);
        if (child > 0) ::waitpid(child, nullptr, 0);
        ::_exit(0);
    }
    auto watched = Watched::open(pid);
    ASSERT_TRUE(watched.ok());
    ASSERT_TRUE(watched->await_end(60'000).ok());
    EXPECT_EQ(watched->private_kib(), 0U);
    auto cpu_ns = watched->reap();
    ASSERT_TRUE(cpu_ns.ok());
    EXPECT_GE(*cpu_ns, 50'000'000U);
    EXPECT_LT(*cpu_ns, 400'000'000U);
    EXPECT_EQ(::waitpid(pid, nullptr, 0), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST(Watched, SaysWhenAProcessDoesNotEndAndWhenItIsSomebodyElses) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        char ignored;
        ::close(ends[1]);
        ::_exit(::read(ends[0], &ignored, 1) == 0 ? 0 : 1);
    }
    ::close(ends[0]);
    auto watched = Watched::open(pid);
    ASSERT_TRUE(watched.ok());
    EXPECT_GT(watched->private_kib(), 0U);
    const auto late = watched->await_end(10);
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().text(), "monitor: not ended: Timer expired");
    ::close(ends[1]);
    ASSERT_TRUE(watched->await_end(60'000).ok());
    ASSERT_TRUE(watched->reap().ok());
    auto again = watched->reap();
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().text(), "waitid: monitor: No child processes");
}

TEST(Watched, ADaemonComesToTheSubreaper) {
    ASSERT_TRUE(become_subreaper().ok());
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        const pid_t daemon = ::fork();
        if (daemon == 0) ::_exit(0);
        ::_exit(::write(ends[1], &daemon, sizeof daemon) == sizeof daemon ? 0 : 1);
    }
    pid_t daemon = 0;
    ASSERT_EQ(::read(ends[0], &daemon, sizeof daemon), static_cast<ssize_t>(sizeof daemon));
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    auto watched = Watched::open(daemon);
    ASSERT_TRUE(watched.ok());
    ASSERT_TRUE(watched->await_end(60'000).ok());
    EXPECT_TRUE(watched->reap().ok());
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace urc::bench
