// Operation: one request to the backend, from its SQE to its last CQE. It lives in the frame of the task that
// awaits it and holds everything the kernel may touch, so it can be neither copied nor moved, and its
// destructor checks that nothing is pending.
//
//            begin()                 reaped()                      run()
//   task ---------------> kernel ---------------> ready list ---------------> task resumed, or ended by Error
//             |              own CQE (no F_MORE)                   |
//             |              + cancel CQE, if it was asked         +--> again(): EINTR, EAGAIN, short write:
//             |              + timeout CQE, if it has a deadline        submit once more, nobody notices
//             +--> scope already cancelled: ECANCELED at once
//
// user_data is the Operation's address; the low bits say which of the up to three CQEs this one is. The
// address is free to name another operation only after all of them are in.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstdint>

#include "uring/backend.h"
#include "uring/cancel.h"
#include "uring/ready.h"
#include "uring/result.h"
#include "uring/task.h"

namespace urc {

class Loop;
class LinkGroup;

class Operation : public Ready, public Cancelable {
public:
    enum Part : std::uint8_t { kOwn = 1, kCancel = 2, kTimeout = 4 };
    static constexpr std::uint64_t kPartMask = 7;

    // Starts on behalf of `task`. False when the task may go on at once.
    bool begin(PromiseBase& task, Settling settling);
    // Absolute time (Backend::now) after which the kernel cancels the operation: then it is ETIMEDOUT. The
    // timespec must live as long as the operation.
    void set_deadline(const __kernel_timespec& time) noexcept { deadline_ = &time; }

    // The loop's side: one CQE with this user_data came in. Called from reap: must not resume anyone.
    virtual void reaped(Part part, int result, std::uint32_t flags) noexcept;
    void run() override;
    void request_cancel() noexcept override;

    bool failed() const noexcept { return result_ < 0; }
    Error error() const { return Error(-result_, step()); }

protected:
    explicit Operation(Loop& loop) noexcept : loop_(loop) {}
    ~Operation() { URC_CHECK(pending_ == 0); }

    // Fills in a request that is not cleared; an io_uring_prep_* does it all. user_data is ours,
    // IOSQE_IO_LINK too.
    virtual void prepare(io_uring_sqe& sqe) noexcept = 0;
    // Looks at what one submission brought. May change `result`; true: submit once more.
    virtual bool again(int& result) noexcept { return result == -EINTR; }
    // The same for a poll. Linux (6.18) ends one with EINVAL that was woken for nothing while it waited in
    // two queues, as for a terminal whose modes somebody sets: it fails to arm it anew, and we do not.
    bool is_poll_again(int result) noexcept {
        return result == -EINTR || (result == -EINVAL && ++polls_refused_ < kPollsRefusedMax);
    }
    // What the Error says was tried: "read".
    virtual const char* step() const noexcept = 0;

    // Queues the request, with its deadline linked to it. `sqe_flags` are IOSQE_*.
    void submit(unsigned sqe_flags = 0) noexcept;
    // Asks the kernel to stop the pending request. Nothing may be queued from reaped(), hence the flag there.
    void submit_cancel() noexcept;

    Loop& loop_;
    PromiseBase* task_ = nullptr;
    int result_ = 0;
    std::uint8_t pending_ = 0;
    bool is_cancel_requested_ = false;
    bool must_cancel_again_ = false;

private:
    friend class LinkGroup;

    // A descriptor that cannot be polled at all is not asked for ever.
    static constexpr std::uint16_t kPollsRefusedMax = 10'000;

    std::uint16_t polls_refused_ = 0;
    const __kernel_timespec* deadline_ = nullptr;
    LinkGroup* group_ = nullptr;
    Settling settling_ = Settling::ends_task;
    bool has_timed_out_ = false;
};

// An operation on a descriptor. A descriptor with O_NONBLOCK makes the kernel answer EAGAIN where it would
// otherwise wait: then we poll and try again.
class FdOperation : public Operation {
protected:
    FdOperation(Loop& loop, int fd, unsigned poll_mask) noexcept
        : Operation(loop), fd_(fd), poll_mask_(poll_mask) {}

    // The request itself; prepare() decides between it and the poll.
    virtual void prepare_call(io_uring_sqe& sqe) noexcept = 0;
    // As again(), without the results that mean "poll".
    virtual bool again_call(int& result) noexcept { return result == -EINTR; }

    void prepare(io_uring_sqe& sqe) noexcept final;
    bool again(int& result) noexcept final;

    int fd_;

private:
    unsigned poll_mask_;
    bool is_polling_ = false;
};

// Waits with POLL_ADD, then does a plain call that does not block: for what the ring would hand to a worker
// thread (a terminal, a signalfd on older kernels), which a resident process must never grow.
class PolledOperation : public Operation {
protected:
    PolledOperation(Loop& loop, int fd, unsigned poll_mask) noexcept
        : Operation(loop), fd_(fd), poll_mask_(poll_mask) {}

    // The call: its result or a negative errno. -EAGAIN polls again.
    virtual int call() noexcept = 0;

    void prepare(io_uring_sqe& sqe) noexcept override { io_uring_prep_poll_add(&sqe, fd_, poll_mask_); }
    bool again(int& result) noexcept override;

    int fd_;

private:
    unsigned poll_mask_;
};

// What `co_await`, settled() and deadline() need of an operation: begin, failed, error and `take()`, the
// value of a success, to be called once.
template <typename A>
concept OperationLike = requires(A& awaited, PromiseBase& task) {
    { awaited.begin(task, Settling::ends_task) } -> std::same_as<bool>;
    { awaited.failed() } -> std::same_as<bool>;
    { awaited.error() } -> std::same_as<Error>;
    awaited.take();
};

// Makes a Derived with `take()` awaitable. No await_transform, no copies, no aggregates:
// tests/uring/compiler_traps_test.cpp says why.
template <typename Derived, typename Base>
class Awaitable : public Base {
public:
    bool await_ready() const noexcept { return false; }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P> task) {
        return this->begin(task.promise(), Settling::ends_task);
    }
    decltype(auto) await_resume() { return static_cast<Derived&>(*this).take(); }

protected:
    using Base::Base;
};

template <typename A>
class [[nodiscard]] SettledOperation {
public:
    explicit SettledOperation(A& awaited) noexcept : awaited_(awaited) {}
    SettledOperation(const SettledOperation&) = delete;
    SettledOperation& operator=(const SettledOperation&) = delete;

    bool await_ready() const noexcept { return false; }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P> task) {
        return awaited_.begin(task.promise(), Settling::as_result);
    }
    auto await_resume() -> Result<decltype(std::declval<A&>().take())> {
        if (awaited_.failed()) return awaited_.error();
        if constexpr (std::is_void_v<decltype(awaited_.take())>) {
            awaited_.take();
            return {};
        } else {
            return awaited_.take();
        }
    }

private:
    A& awaited_;
};

// `co_await settled(read(...))`: a Result instead of the end of the task. The operation is a temporary of the
// same full expression, in the awaiting frame.
template <OperationLike A>
SettledOperation<A> settled(A&& awaited) noexcept {
    return SettledOperation<A>(awaited);
}
template <OperationLike A>
SettledOperation<A> settled(A& awaited) noexcept {
    return SettledOperation<A>(awaited);
}

}  // namespace urc
