// Readiness: what a socket is ready for, kept until somebody finds out that it is not any more.
//
//   Event changed(loop);
//   Readiness client(loop, client_fd, changed), server(loop, server_fd, changed);
//   client.watch(); server.watch();
//   for (;;) {
//       while (client.has(POLLIN)) { ... recv says EAGAIN: client.clear(POLLIN); }
//       co_await changed.wait();                       // one task for any number of descriptors
//   }
//
// One multishot poll for as long as it lives, which posts a completion for each change and nothing for a
// state that lasts (poll(2) would tell of a peer that has closed again and again). So a request costs no
// queue entry, whoever is not read from wakes nobody, and in between nothing is lost: an edge sets the flag
// again, whether or not the caller is about to clear it. Clear only after a call has said EAGAIN, or has
// taken less than it was offered.
//
// Before the frame is left by co_return, `co_await readiness.close()`: the kernel holds the file open for as
// long as the poll goes on. A task that ends by an Error does it by itself.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <utility>

#include "uring/event.h"
#include "uring/loop.h"

namespace urc {

class Readiness final : public Operation, private Drain {
public:
    Readiness(Loop& loop, int fd, Event& changed) noexcept
        : Operation(loop), Drain(loop.current()), changed_(changed), fd_(fd) {}

    // Begins. What is ready already counts as a change.
    void watch() noexcept {
        URC_CHECK(pending_ == 0);
        submit();
    }

    // Any of POLLIN, POLLOUT, POLLRDHUP, POLLERR, POLLHUP. A poll that the kernel refuses counts as all of
    // them: the call that follows says what is wrong.
    bool has(unsigned events) const noexcept { return events_ & events; }
    void clear(unsigned events) noexcept { events_ &= ~events; }

    // Asks the poll to end: for several, whose ends are then awaited together.
    void begin_close() noexcept {
        if (!std::exchange(is_cancel_requested_, true) && pending_ != 0) submit_cancel();
    }

    // Ends the poll and waits for its last completion.
    class Close {
    public:
        explicit Close(Readiness& readiness) noexcept : readiness_(readiness) {}
        Close(const Close&) = delete;
        Close& operator=(const Close&) = delete;
        bool await_ready() const noexcept { return false; }
        template <typename P>
        bool await_suspend(std::coroutine_handle<P> task) noexcept {
            return !readiness_.drain(task.promise());
        }
        void await_resume() const noexcept {}

    private:
        Readiness& readiness_;
    };
    [[nodiscard]] Close close() noexcept { return Close(*this); }

    void reaped(Part part, int result, std::uint32_t flags) noexcept override {
        if (!(flags & IORING_CQE_F_MORE)) pending_ &= static_cast<std::uint8_t>(~part);
        if (part == kCancel) {
            // The kernel looked while the request was on its way from one place to another.
            if (result == -ENOENT && (pending_ & kOwn)) must_cancel_again_ = true;
        } else if (result > 0) {
            events_ |= static_cast<unsigned>(result);
        } else if (result < 0 && !is_poll_again(result) && !is_cancel_requested_) {
            events_ = ~0U;
        }
        loop_.make_ready(*this);
    }

    void run() override {
        if (is_cancel_requested_) {
            if (std::exchange(must_cancel_again_, false) && pending_ == kOwn) submit_cancel();
            if (pending_ == 0 && draining_) loop_.make_ready(*std::exchange(draining_, nullptr));
            return;
        }
        // The kernel ends a multishot when it has no room for a completion. Not after a refusal: that stands.
        if (pending_ == 0 && events_ != ~0U) submit();
        if (events_ != 0) changed_.set();
    }

    // The task that waits for `changed` is the one to be cancelled.
    void request_cancel() noexcept override {}

private:
    void prepare(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_poll_add(&sqe, fd_, POLLIN | POLLOUT | POLLRDHUP);
        sqe.len = IORING_POLL_ADD_MULTI;
    }
    const char* step() const noexcept override { return "poll"; }

    bool drain(PromiseBase& task) noexcept override {
        if (pending_ == 0 && !is_queued()) return true;
        draining_ = &task;
        begin_close();
        return false;
    }

    Event& changed_;
    PromiseBase* draining_ = nullptr;
    int fd_;
    unsigned events_ = 0;
};

}  // namespace urc
