#include "uring/open_backend.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "tests/uring/loop_fixture.h"

namespace urc {
namespace {

// Sets URC_LOOP, or removes it, for one test.
class OpenBackend : public ::testing::Test {
protected:
    void SetUp() override {
        if (const char* value = ::getenv("URC_LOOP")) before_ = value;
    }
    void TearDown() override { want(before_.empty() ? nullptr : before_.c_str()); }
    static void want(const char* value) {
        if (value) {
            ::setenv("URC_LOOP", value, 1);
        } else {
            ::unsetenv("URC_LOOP");
        }
    }

private:
    std::string before_;
};

// In a child of its own, where a filter answers io_uring_setup with `code`.
int name_under_filter(int code, std::string_view wanted) {
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(code)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog program{4, filter};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return 2;
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) return 3;
    auto backend = open_backend();
    if (!backend.ok()) return backend.error().code() == code && wanted.empty() ? 0 : 4;
    return (*backend)->name() == wanted ? 0 : 5;
}

// The exit status of the child: 0 when it got the backend it should (none: the error).
int status_under_filter(int code, std::string_view wanted) {
    pid_t child = ::fork();
    if (child == 0) ::_exit(name_under_filter(code, wanted));
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(OpenBackend, IsARingWhereThereIsOne) {
    if (auto ring = Ring::create(); !ring.ok()) GTEST_SKIP() << ring.error().text();
    want(nullptr);
    auto backend = open_backend();
    ASSERT_TRUE(backend.ok());
    EXPECT_STREQ((*backend)->name(), "io_uring");
}

TEST_F(OpenBackend, IsEpollWhereTheHostRefusesARing) {
    want(nullptr);
    for (int code : {EPERM, EACCES, ENOSYS, ENOMEM}) EXPECT_EQ(status_under_filter(code, "epoll"), 0) << code;
    // Not a refusal: epoll would lack the same.
    EXPECT_EQ(status_under_filter(EMFILE, ""), 0);
}

TEST_F(OpenBackend, DoesWhatTheEnvironmentSays) {
    want("epoll");
    auto backend = open_backend();
    ASSERT_TRUE(backend.ok());
    EXPECT_STREQ((*backend)->name(), "epoll");
    want("io_uring");
    EXPECT_EQ(status_under_filter(EPERM, ""), 0) << "it must be that or nothing";
    want("kqueue");
    EXPECT_EQ(open_backend().error().text(), "URC_LOOP is neither epoll nor io_uring: kqueue");
    want("");
    EXPECT_EQ(status_under_filter(EPERM, "epoll"), 0) << "empty is as if not set";
}

}  // namespace
}  // namespace urc
