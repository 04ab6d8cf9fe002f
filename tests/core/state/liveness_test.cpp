#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/core/state/state_fixture.h"

namespace urc {
namespace {

using state_test::Sleeper;

TEST(Liveness, TheStartTimeIsField22WhateverTheNameHolds) {
    Sleeper other;
    ASSERT_EQ(::prctl(PR_SET_NAME, "a) Z 1 (b"), 0);
    auto stat = read_process_stat(::getpid());
    ASSERT_EQ(::prctl(PR_SET_NAME, "core_state_test"), 0);
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->state, 'R');
    const std::string text = state_test::slurp("/proc/self/stat");
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string field;
    for (int i = 3; i <= 22; ++i) fields >> field;
    EXPECT_EQ(std::to_string(stat->start_time), field);
}

TEST(Liveness, AForkThatHasExecutedNothingIsTold) {
    Sleeper fork;
    auto forked = read_process_stat(fork.pid());
    auto self = read_process_stat(::getpid());
    ASSERT_TRUE(forked && self);
    EXPECT_FALSE(forked->has_executed);
    EXPECT_TRUE(self->has_executed);
}

TEST(Liveness, ALiveProcessIsAliveAndAZombieIsNot) {
    Sleeper process;
    auto id = identify(process.pid(), -1);
    ASSERT_TRUE(id);
    EXPECT_TRUE(is_alive(*id));
    EXPECT_TRUE(open_process(*id));
    process.end();
    EXPECT_FALSE(is_alive(*id));
    EXPECT_EQ(open_process(*id).error().code(), ESRCH);
    process.reap();
    EXPECT_FALSE(is_alive(*id));
    EXPECT_EQ(open_process(*id).error().code(), ESRCH);
}

TEST(Liveness, TheSameNumberWithAnotherStartTimeIsAnotherProcess) {
    Sleeper process;
    auto id = identify(process.pid(), -1);
    ASSERT_TRUE(id);
    id->start_time += 1;
    EXPECT_FALSE(is_alive(*id));
    EXPECT_EQ(open_process(*id).error().code(), ESRCH);
}

TEST(Liveness, TheInodeOfAPidfdTellsProcessesApartToo) {
    Sleeper process;
    Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid(), 0)));
    auto id = identify(process.pid(), pidfd.get());
    ASSERT_TRUE(id);
    if (id->pidfd_inode == 0) GTEST_SKIP() << "no pidfs: Linux before 6.9";
    EXPECT_TRUE(open_process(*id));
    id->pidfd_inode += 1;
    EXPECT_EQ(open_process(*id).error().code(), ESRCH);
}

TEST(Liveness, NobodyIsNotAlive) {
    EXPECT_FALSE(is_alive({}));
    EXPECT_EQ(open_process({}).error().code(), ESRCH);
    EXPECT_EQ(read_process_stat(0x7FFFFFF0).error().code(), ESRCH);
}

TEST(Liveness, ExternalDescriptorsAreWhatTheLinksSay) {
    auto names = read_external_descriptors();
    char text[512];
    const ssize_t length = ::readlink("/proc/self/fd/1", text, sizeof text);
    ASSERT_GT(length, 0);
    EXPECT_EQ(names[1], std::string(text, static_cast<std::size_t>(length)));
}

}  // namespace
}  // namespace urc
