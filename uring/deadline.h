// Time: sleep, and a deadline around one operation.
//
//   co_await sleep(loop, 100ms);
//   auto line = co_await settled(deadline(read(loop, fd, buffer), 5s));   // ETIMEDOUT after five seconds
//
// A deadline is a timeout linked to the operation's request: the kernel cancels the operation, and both
// completions are awaited. A result that came first stands. It is kept as an absolute time, so that an
// operation that is submitted again (EINTR, a short write) does not get more of it. For whole tasks: within()
// in race.h. The clock is CLOCK_MONOTONIC, or that of the simulation.
#pragma once

#include <chrono>

#include "uring/loop.h"

namespace urc {

inline __kernel_timespec to_timespec(std::chrono::nanoseconds time) noexcept {
    return {time.count() / 1'000'000'000, time.count() % 1'000'000'000};
}

class [[nodiscard]] Sleep final : public Awaitable<Sleep, Operation> {
public:
    Sleep(Loop& loop, std::chrono::nanoseconds until) noexcept
        : Awaitable(loop), until_(to_timespec(until)) {}
    void take() const noexcept {}

private:
    void prepare(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_timeout(&sqe, &until_, 0, IORING_TIMEOUT_ABS);
    }
    bool again(int& result) noexcept override {
        if (result == -ETIME) result = 0;
        return result == -EINTR;
    }
    const char* step() const noexcept override { return "sleep"; }

    __kernel_timespec until_;
};

// `time` as Loop::now() counts it.
inline Sleep sleep_until(Loop& loop, std::chrono::nanoseconds time) noexcept {
    return Sleep(loop, time);
}
inline Sleep sleep(Loop& loop, std::chrono::nanoseconds duration) noexcept {
    return Sleep(loop, loop.now() + duration);
}

template <typename A>
class [[nodiscard]] WithDeadline {
public:
    WithDeadline(A& awaited, std::chrono::nanoseconds duration) noexcept
        : awaited_(awaited), duration_(duration) {}
    WithDeadline(const WithDeadline&) = delete;
    WithDeadline& operator=(const WithDeadline&) = delete;

    bool await_ready() const noexcept { return false; }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P> task) {
        return begin(task.promise(), Settling::ends_task);
    }
    decltype(auto) await_resume() { return take(); }

    bool begin(PromiseBase& task, Settling settling) {
        time_ = to_timespec(task.loop().now() + duration_);
        awaited_.set_deadline(time_);
        return awaited_.begin(task, settling);
    }
    bool failed() const noexcept { return awaited_.failed(); }
    Error error() const { return awaited_.error(); }
    decltype(auto) take() { return awaited_.take(); }

private:
    A& awaited_;
    std::chrono::nanoseconds duration_;
    __kernel_timespec time_{};
};

template <OperationLike A>
WithDeadline<A> deadline(A&& awaited, std::chrono::nanoseconds duration) noexcept {
    return WithDeadline<A>(awaited, duration);
}
template <OperationLike A>
WithDeadline<A> deadline(A& awaited, std::chrono::nanoseconds duration) noexcept {
    return WithDeadline<A>(awaited, duration);
}

}  // namespace urc
