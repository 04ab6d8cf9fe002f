#include "uring/ring.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstring>

#include "tests/uring/loop_fixture.h"
#include "uring/nursery.h"
#include "uring/ops_file.h"

namespace urc {
namespace {

Task<void> one_nop(Loop& loop) {
    co_await nop(loop);
}

// ---- set-up -------------------------------------------------------------------------------------

TEST(Ring, IsCloseOnExec) {
    auto ring = Ring::create();
    if (!ring.ok()) GTEST_SKIP() << ring.error().text();
    EXPECT_TRUE(::fcntl((*ring)->fd(), F_GETFD) & FD_CLOEXEC);
}

TEST(Ring, WorksWithEverySetOfFlagsThatAnOlderKernelLeaves) {
    const unsigned kWithout[] = {0, IORING_SETUP_DEFER_TASKRUN,
                                 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN};
    for (unsigned without : kWithout) {
        RingOptions options;
        options.without_flags = without;
        auto ring = Ring::create(options);
        if (!ring.ok()) GTEST_SKIP() << ring.error().text();
        EXPECT_EQ((*ring)->flags() & without, 0U);
        Loop loop(**ring);
        EXPECT_TRUE(loop.run(one_nop(loop)).ok());
    }
}

TEST(Ring, ProbesItsOpcodes) {
    RingOptions options;
    options.without_opcodes.set(kOpWaitid);
    auto ring = Ring::create(options);
    if (!ring.ok()) GTEST_SKIP() << ring.error().text();
    EXPECT_TRUE((*ring)->supports(IORING_OP_READ));
    EXPECT_FALSE((*ring)->supports(254));
    EXPECT_FALSE((*ring)->supports(kOpWaitid));
}

TEST(Ring, AChildOfForkHasNoneOfItsMemory) {
    auto ring = Ring::create();
    if (!ring.ok()) GTEST_SKIP() << ring.error().text();
    auto count_ring_mappings = [] {
        std::FILE* maps = std::fopen("/proc/self/maps", "re");
        char line[512];
        int count = 0;
        while (maps && std::fgets(line, sizeof line, maps)) count += std::strstr(line, "io_uring") ? 1 : 0;
        if (maps) std::fclose(maps);
        return count;
    };
    EXPECT_GT(count_ring_mappings(), 0);
    pid_t child = ::fork();
    if (child == 0) ::_exit(count_ring_mappings());
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

// In a child whose filter answers io_uring_setup with `code`: 0 when create() fails with it and says why.
int create_under_filter(int code) {
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(code)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog program{4, filter};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return 2;
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) return 3;
    auto ring = Ring::create();
    if (ring.ok()) return 4;
    if (ring.error().code() != code) return 5;
    return ring.error().text().starts_with("io_uring_setup: ") ? 0 : 6;
}

TEST(Ring, SaysWhyWhenTheHostRefusesIt) {
    for (int code : {EPERM, ENOSYS}) {
        pid_t child = ::fork();
        if (child == 0) ::_exit(create_under_filter(code));
        int status = -1;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }
}

// ---- full queues --------------------------------------------------------------------------------

class SmallRing : public LoopTest {
protected:
    RingOptions options() const override {
        RingOptions options;
        options.requests = 4;
        options.completions = 4;
        return options;
    }
};

Task<void> many_nops(Loop& loop, int& done) {
    co_await nop(loop);
    co_await nop(loop);
    ++done;
}
Task<void> more_than_fits(Loop& loop, int& done) {
    Nursery nursery(loop);
    for (int i = 0; i < 1000; ++i) nursery.spawn(many_nops(loop, done));
    co_await nursery.join();
}

TEST_F(SmallRing, AFullSubmissionQueueIsSubmittedAndNobodyNotices) {
    int done = 0;
    ASSERT_TRUE(run(more_than_fits(loop(), done)).ok());
    EXPECT_EQ(done, 1000);
}

Task<void> poll_once(Loop& loop, int fd, int& done) {
    unsigned events = co_await poll(loop, fd, POLLIN);
    EXPECT_TRUE(events & POLLIN);
    ++done;
}
Task<void> all_at_once(Loop& loop, int& done) {
    auto [out, in] = make_pipe();
    Nursery nursery(loop);
    for (int i = 0; i < 500; ++i) nursery.spawn(poll_once(loop, out.get(), done));
    co_await nop(loop);
    co_await nop(loop);
    // One byte completes all of them: far more than the completion queue holds.
    co_await write(loop, in.get(), "x");
    co_await nursery.join();
}

TEST_F(SmallRing, CompletionsThatOverflowAreNotLost) {
    int done = 0;
    ASSERT_TRUE(run(all_at_once(loop(), done)).ok());
    EXPECT_EQ(done, 500);
}

}  // namespace
}  // namespace urc
