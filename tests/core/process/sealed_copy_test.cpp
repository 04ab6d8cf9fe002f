#include "core/process/sealed_copy.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "uring/file.h"

namespace urc::process {
namespace {

// Runs first in the child that the test below makes of this very program.
[[gnu::constructor]] void report_when_asked() {
    if (!::getenv("URC_TEST_SEALED_COPY")) return;
    ::_exit(is_sealed_copy() ? 0 : 7);
}

TEST(SealedCopy, ExecutesACopyThatNobodyCanWriteTo) {
    EXPECT_FALSE(is_sealed_copy());
    pid_t pid = ::fork();
    if (pid == 0) {
        ::setenv("URC_TEST_SEALED_COPY", "1", 1);
        Error error = become_sealed_copy();
        ::_exit(error.code());
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace urc::process
