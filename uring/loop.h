// Loop: one thread, one backend, one list of what can run.
//
//        +--> run what is ready: tasks go on, queue requests, spawn
//        |         |
//        |    submit all of them at once, and wait only if nothing is ready
//        |         |
//        +--- reap: completions become entries of the ready list, and nothing else happens
//
// A Loop is passed as a reference and is never global. It must not outlive its backend, and it never joins or
// makes a user or mount namespace (clone3 a child for that).
#pragma once

#include <chrono>
#include <cstddef>
#include <utility>

#include "uring/backend.h"
#include "uring/cancel.h"
#include "uring/operation.h"
#include "uring/ready.h"
#include "uring/task.h"

namespace urc {

class Loop {
public:
    explicit Loop(Backend& backend) noexcept : backend_(backend) {}
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop() { URC_CHECK(in_flight_ == 0); }

    // Runs `task` and all it starts to the end. Nothing is in flight when this returns. Not to be nested.
    template <typename T>
    Result<T> run(Task<T> task) {
        run_to_end(task);
        return task.take();
    }

    // Asks everything that runs to stop; run() then returns what its task makes of ECANCELED.
    void cancel_all() noexcept { root_.cancel(); }

    Backend& backend() const noexcept { return backend_; }
    std::chrono::nanoseconds now() const noexcept { return backend_.now(); }

    // Requests that have been queued and whose last completion has not come.
    std::size_t in_flight() const noexcept { return in_flight_; }

    // The task that is running now; nullptr outside of run().
    PromiseBase* current() const noexcept { return current_; }

    // The next `count` requests go out in one submit: a chain that a submit cuts is no chain. `count` must be
    // within the queue's size.
    void reserve(unsigned count) noexcept {
        if (!backend_.has_room(count)) [[unlikely]]
            make_room(count);
    }

    // For operations. A request whose completions go to `part` of `operation`; counted before it is
    // submitted, because submit may already post its completion.
    io_uring_sqe& next_request() noexcept {
        reserve(1);
        ++in_flight_;
        return backend_.next();
    }
    static std::uint64_t user_data(const Operation& operation, Operation::Part part) noexcept {
        return reinterpret_cast<std::uintptr_t>(&operation) | part;
    }

    // To be run in this or the next turn.
    void make_ready(Ready& entry) noexcept { ready_.push(entry); }
    void make_ready(ReadyList& entries) noexcept { ready_.take(entries); }

    // Names for buffer rings, never given twice by one loop.
    std::uint16_t next_buffer_group() noexcept { return buffer_groups_++; }

    // The scope that no cancelled task is in: for clean-up. See shielded().
    CancelScope& shield() noexcept { return shield_; }

private:
    friend class PromiseBase;

    void run_to_end(TaskBase& task);
    void run_ready();
    void submit_or_wait();
    void make_room(unsigned count) noexcept;
    void reap() noexcept;

    Backend& backend_;
    ReadyList ready_;
    PromiseBase* current_ = nullptr;
    std::size_t in_flight_ = 0;
    std::uint16_t buffer_groups_ = 0;
    CancelScope root_;
    CancelScope shield_;
};

inline CancelScope::CancelScope(Loop& loop) noexcept {
    URC_CHECK(loop.current() != nullptr);
    CancelScope& parent = loop.current()->scope();
    is_cancelled_ = parent.is_cancelled_;
    enter(parent);
}

// `co_await under(scope, child())`: the child works in `scope`, so scope.cancel() stops it and nothing else.
template <typename T>
Task<T> under(CancelScope& scope, Task<T> task) noexcept {
    task.promise().set_scope(scope);
    return task;
}

// `co_await shielded(loop, clean_up())`: goes on although the awaiting task has been cancelled.
template <typename T>
Task<T> shielded(Loop& loop, Task<T> task) noexcept {
    return under(loop.shield(), std::move(task));
}

inline void PromiseBase::resume() {
    PromiseBase* before = std::exchange(loop_->current_, this);
    self_.resume();
    loop_->current_ = before;
}

}  // namespace urc
