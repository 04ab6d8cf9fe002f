// Requests written by hand for the backend on epoll, and their completions by user_data.
#pragma once

#include <poll.h>

#include <array>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/uring/loop_fixture.h"
#include "uring/deadline.h"
#include "uring/epoll_backend.h"

namespace urc {

class Epoll : public ::testing::Test {
protected:
    void SetUp() override {
        ::signal(SIGPIPE, SIG_IGN);
        open(EpollOptions());
    }
    void TearDown() override {
        backend_.reset();
        leaks_.check();
    }
    void open(const EpollOptions& options) {
        auto backend = EpollBackend::create(options);
        ASSERT_TRUE(backend.ok()) << backend.error().text();
        backend_ = std::move(backend).value();
    }

    // The next request, to be filled in: queued(1, io_uring_prep_nop).
    template <typename Prepare, typename... Arguments>
    io_uring_sqe& queue(std::uint64_t user_data, Prepare prepare, Arguments... arguments) {
        EXPECT_TRUE(backend_->has_room(1));
        io_uring_sqe& sqe = backend_->next();
        prepare(&sqe, arguments...);
        sqe.user_data = user_data;
        return sqe;
    }
    io_uring_sqe& queue_read(std::uint64_t user_data, int fd, std::span<char> into) {
        return queue(user_data, io_uring_prep_read, fd, into.data(), static_cast<unsigned>(into.size()),
                     ~0ULL);
    }
    io_uring_sqe& queue_write(std::uint64_t user_data, int fd, std::string_view text) {
        return queue(user_data, io_uring_prep_write, fd, text.data(), static_cast<unsigned>(text.size()),
                     ~0ULL);
    }
    io_uring_sqe& queue_poll(std::uint64_t user_data, int fd, unsigned events) {
        return queue(user_data, io_uring_prep_poll_add, fd, events);
    }
    void queue_cancel(std::uint64_t user_data, std::uint64_t target) {
        queue(user_data, io_uring_prep_cancel64, target, 0);
    }
    // A deadline for the request before, which must be linked.
    void queue_deadline(std::uint64_t user_data, __kernel_timespec& time, unsigned sqe_flags = 0) {
        auto& sqe = queue(user_data, io_uring_prep_link_timeout, &time, unsigned{IORING_TIMEOUT_ABS});
        sqe.flags |= static_cast<std::uint8_t>(sqe_flags);
    }

    static void link(io_uring_sqe& sqe) { sqe.flags |= static_cast<std::uint8_t>(IOSQE_IO_LINK); }

    // Hands over what is queued and takes what has completed, without waiting.
    void submit() {
        EXPECT_EQ(backend_->submit(), 0);
        reap();
    }
    void wait() {
        ASSERT_EQ(backend_->wait(), 0);
        reap();
    }
    void wait_for(std::uint64_t user_data) {
        while (!seen_.contains(user_data) && !HasFatalFailure()) wait();
    }
    void reap() {
        std::array<Completion, 8> batch;
        while (std::size_t count = backend_->reap(batch)) {
            for (const Completion& entry : std::span(batch).first(count))
                seen_[entry.user_data].push_back(entry);
        }
    }

    // The one completion of a request; taken away.
    int result(std::uint64_t user_data) {
        auto found = std::exchange(seen_[user_data], {});
        seen_.erase(user_data);
        EXPECT_EQ(found.size(), 1U) << "completions of request " << user_data;
        if (found.size() != 1) return -EDOM;
        EXPECT_FALSE(found.front().flags & IORING_CQE_F_MORE);
        return found.front().result;
    }
    bool is_open(std::uint64_t user_data) const { return !seen_.contains(user_data); }

    __kernel_timespec after(std::chrono::nanoseconds duration) const {
        return to_timespec(backend_->now() + duration);
    }

    LeakCheck leaks_;
    std::unique_ptr<EpollBackend> backend_;
    std::map<std::uint64_t, std::vector<Completion>> seen_;
};

}  // namespace urc
