// The fixture of all tests that run a Loop: at the end no coroutine frame, no operation and no descriptor is
// left over, and the process has one task (no io-wq worker was ever needed). The backend is the one that
// open_backend() chooses: ctest runs these tests once more with URC_LOOP=epoll.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "uring/fd.h"
#include "uring/frame.h"
#include "uring/loop.h"
#include "uring/open_backend.h"

namespace urc {

// Entries of a directory, without "." and "..": open descriptors, tasks.
inline std::size_t count_entries(const char* path) {
    DIR* directory = ::opendir(path);
    std::size_t count = 0;
    while (directory && ::readdir(directory)) ++count;
    if (directory) ::closedir(directory);
    return count < 2 ? 0 : count - 2;
}
inline std::size_t count_fds() {
    return count_entries("/proc/self/fd");
}
inline std::size_t count_tasks() {
    return count_entries("/proc/self/task");
}

inline std::pair<Fd, Fd> make_pipe(int flags = 0) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | flags), 0);
    return {Fd(ends[0]), Fd(ends[1])};
}
inline std::pair<Fd, Fd> make_socketpair(int type = SOCK_STREAM) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    return {Fd(ends[0]), Fd(ends[1])};
}
inline std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

// Checks what is left when a test ends.
class LeakCheck {
public:
    LeakCheck() : frames_(frames_live), fds_(count_fds()) {}
    void check() const {
        EXPECT_EQ(frames_live, frames_) << "coroutine frames are left";
        EXPECT_EQ(count_fds(), fds_) << "descriptors are left";
    }

private:
    std::size_t frames_;
    std::size_t fds_;
};

class LoopTest : public ::testing::Test {
protected:
    void SetUp() override {
        ::signal(SIGPIPE, SIG_IGN);
        auto backend = open_backend(options());
        if (!backend.ok()) GTEST_SKIP() << backend.error().text();
        backend_ = std::move(backend).value();
        loop_ = std::make_unique<Loop>(*backend_);
    }
    void TearDown() override {
        if (loop_) {
            EXPECT_EQ(loop_->in_flight(), 0U);
            EXPECT_EQ(count_tasks(), 1U) << "the ring has grown a worker thread";
        }
        loop_.reset();
        backend_.reset();
        leaks_.check();
    }
    virtual RingOptions options() const { return {}; }

    Loop& loop() { return *loop_; }

    template <typename T>
    Result<T> run(Task<T> task) {
        return loop_->run(std::move(task));
    }

    LeakCheck leaks_;
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<Loop> loop_;
};

// Checks inside a coroutine: ASSERT_* would `return` from it.
#define CO_ASSERT(condition)      \
    do {                          \
        bool holds = (condition); \
        EXPECT_TRUE(holds);       \
        if (!holds) co_return;    \
    } while (false)

}  // namespace urc
