// Task<T>: a coroutine that starts when it is awaited, is owned by who awaits it, and ends with a T or an
// Error.
//
//   Task<std::size_t> copy_line(Loop& loop, int from, int to) {
//       auto line = co_await read_line(loop, from);           // an Error in there ends this task too
//       auto sent = co_await settled(write(loop, to, line));  // Result<std::size_t>: we decide
//       if (!sent.ok()) co_return sent.error();
//       co_return *sent;
//   }
//
// A task that ends with an Error is never resumed: its frame is destroyed where it stands, innermost callee
// first, so destructors run in the order of a stack that unwinds. Before that, what the frame has going on
// (`Drain`: a Nursery's children, an armed Stream) is cancelled and awaited. Nothing is thrown.
//
// Who resumes whom. A child runs on the stack of the parent's `co_await` until it first has to wait. From
// then on the loop resumes the innermost task, and `run` walks up from there, one task after the other, on
// the loop's own stack. g++ makes symmetric transfer a tail call only at -O2, hence not used: `await_suspend`
// returns a bool.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "uring/cancel.h"
#include "uring/frame.h"
#include "uring/ready.h"
#include "uring/result.h"

namespace urc {

class Loop;
class PromiseBase;
class TaskBase;

// What a task's frame holds that must be awaited before the frame may go. Lives in the frame, registered
// with the task that was running when it was made.
class Drain {
public:
    Drain(const Drain&) = delete;
    Drain& operator=(const Drain&) = delete;

protected:
    explicit Drain(PromiseBase* owner) noexcept;
    ~Drain();

    PromiseBase& owner() const noexcept { return *owner_; }

    // True when nothing is going on any more. Otherwise cancels it, and has `task` run again when it is over.
    virtual bool drain(PromiseBase& task) noexcept = 0;

private:
    friend class PromiseBase;
    PromiseBase* owner_;
    Drain* outer_;
};

// Told when a task without a parent has ended: a Nursery, or the loop for its first task.
class Joiner {
public:
    // The task is over and suspended for good; its frame may be destroyed from in here.
    virtual void task_ended(PromiseBase& task) noexcept = 0;

protected:
    ~Joiner() = default;
};

enum class Settling : bool { ends_task, as_result };

// What all promises share, whatever their T.
class PromiseBase : public Ready {
public:
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame) noexcept { free_frame(frame); }

    struct Final {
        bool await_ready() const noexcept { return false; }
        template <typename P>
        void await_suspend(std::coroutine_handle<P> self) const noexcept {
            self.promise().has_ended_ = true;
        }
        void await_resume() const noexcept {}
    };
    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

    // Ends the task here, in the middle of a `co_await`: the caller's await_suspend must answer true.
    void fail(Error error) noexcept {
        error_.emplace(std::move(error));
        has_ended_ = true;
    }

    // Runs as a child of nobody: `joiner` is told of the end. The first step is the loop's. `owner` is who
    // keeps the frame; nullptr when `joiner` shall destroy it.
    void start(Loop& loop, CancelScope& scope, Joiner& joiner, TaskBase* owner) noexcept;
    // Runs as the child that `parent` awaits. True when `parent` may go on at once.
    bool start_below(PromiseBase& parent, TaskBase& owner, Settling settling);

    // Resumes the task, and every task that ends because of it.
    void run() override;

    Loop& loop() const noexcept { return *loop_; }
    CancelScope& scope() const noexcept { return *scope_; }
    // For the time before the start: the scope to work in instead of the parent's.
    void set_scope(CancelScope& scope) noexcept { scope_ = &scope; }

    bool has_started() const noexcept { return loop_ != nullptr; }
    bool has_ended() const noexcept { return has_ended_; }
    bool has_failed() const noexcept { return error_.has_value(); }
    const Error& error() const noexcept { return *error_; }
    Error take_error() noexcept { return std::move(*error_); }
    TaskBase* owner() const noexcept { return owner_; }
    // For a joiner of a task without owner.
    void destroy() noexcept { self_.destroy(); }

protected:
    explicit PromiseBase(std::coroutine_handle<> self) noexcept : self_(self) {}
    ~PromiseBase() { URC_CHECK(drains_ == nullptr); }

    std::optional<Error> error_;

private:
    friend class Drain;

    void resume();
    // Ended, and drained of all that was still going on in the frame. Starts the draining.
    bool is_over() noexcept;

    std::coroutine_handle<> self_;
    Loop* loop_ = nullptr;
    CancelScope* scope_ = nullptr;
    PromiseBase* parent_ = nullptr;
    TaskBase* owner_ = nullptr;
    Joiner* joiner_ = nullptr;
    Drain* drains_ = nullptr;
    bool has_ended_ = false;
    bool is_settled_ = false;
};

// Owns a frame of any type.
class TaskBase {
public:
    TaskBase(TaskBase&& other) noexcept
        : frame_(std::exchange(other.frame_, nullptr)), promise_(std::exchange(other.promise_, nullptr)) {}
    TaskBase& operator=(TaskBase&&) = delete;
    ~TaskBase() { reset(); }

    PromiseBase& promise() const noexcept { return *promise_; }

    void reset() noexcept {
        if (!frame_) return;
        // A frame that is still working may be written to by the kernel.
        URC_CHECK(!promise_->has_started() || promise_->has_ended());
        promise_ = nullptr;
        std::exchange(frame_, nullptr).destroy();
    }

    // Gives the frame away; who takes it destroys it.
    PromiseBase& release() noexcept {
        frame_ = nullptr;
        return *std::exchange(promise_, nullptr);
    }

protected:
    TaskBase(std::coroutine_handle<> frame, PromiseBase& promise) noexcept
        : frame_(frame), promise_(&promise) {}

    std::coroutine_handle<> frame_;
    PromiseBase* promise_;
};

template <typename T>
class Task;

template <typename T>
class Promise final : public PromiseBase {
public:
    Promise() noexcept : PromiseBase(std::coroutine_handle<Promise>::from_promise(*this)) {}
    Task<T> get_return_object() noexcept;

    template <typename U = T>
    requires(std::is_constructible_v<T, U&&> && !std::is_same_v<std::remove_cvref_t<U>, Error> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result<T>>) void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    void return_value(Error error) { error_.emplace(std::move(error)); }
    void return_value(Result<T> result) {
        if (result.ok()) {
            value_.emplace(std::move(result).value());
        } else {
            error_.emplace(std::move(result).error());
        }
    }

    T take() { return std::move(*value_); }

private:
    std::optional<T> value_;
};

// A coroutine of nothing can only `co_return;`. To end it with an Error: `co_await fail(Error(...));`
template <>
class Promise<void> final : public PromiseBase {
public:
    Promise() noexcept : PromiseBase(std::coroutine_handle<Promise>::from_promise(*this)) {}
    inline Task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() const noexcept {}
};

template <typename T>
class [[nodiscard]] Task : public TaskBase {
public:
    using promise_type = Promise<T>;
    using value_type = T;

    explicit Task(promise_type& promise) noexcept
        : TaskBase(std::coroutine_handle<promise_type>::from_promise(promise), promise) {}
    Task(Task&&) noexcept = default;

    class Awaiter {
    public:
        explicit Awaiter(Task& task) noexcept : task_(task) {}
        Awaiter(const Awaiter&) = delete;
        Awaiter& operator=(const Awaiter&) = delete;
        bool await_ready() const noexcept { return false; }
        template <typename P>
        bool await_suspend(std::coroutine_handle<P> parent) {
            return !task_.promise().start_below(parent.promise(), task_, Settling::ends_task);
        }
        T await_resume() { return task_.take().value(); }

    private:
        Task& task_;
    };
    Awaiter operator co_await() && noexcept { return Awaiter(*this); }

    // The end of a task that is over: its value or its Error. The frame is gone afterwards.
    Result<T> take() {
        auto& promise = static_cast<promise_type&>(*promise_);
        URC_CHECK(promise.has_ended());
        if (promise.has_failed()) {
            Error error = promise.take_error();
            reset();
            return error;
        }
        if constexpr (std::is_void_v<T>) {
            reset();
            return {};
        } else {
            Result<T> result(promise.take());
            reset();
            return result;
        }
    }
};

template <typename T>
Task<T> Promise<T>::get_return_object() noexcept {
    return Task<T>(*this);
}
Task<void> Promise<void>::get_return_object() noexcept {
    return Task<void>(*this);
}

// `co_await settled(child())`: the child's Result, instead of ending with its Error.
template <typename T>
class [[nodiscard]] SettledTask {
public:
    explicit SettledTask(Task<T>&& task) noexcept : task_(std::move(task)) {}
    SettledTask(const SettledTask&) = delete;
    SettledTask& operator=(const SettledTask&) = delete;
    bool await_ready() const noexcept { return false; }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P> parent) {
        return !task_.promise().start_below(parent.promise(), task_, Settling::as_result);
    }
    Result<T> await_resume() { return task_.take(); }

private:
    Task<T> task_;
};

template <typename T>
SettledTask<T> settled(Task<T> task) noexcept {
    return SettledTask<T>(std::move(task));
}

// `co_await plain_call()` for a function that returns Result<T>: its value, or the end of this task.
template <typename T>
class [[nodiscard]] ResultAwaiter {
public:
    explicit ResultAwaiter(Result<T>&& result) noexcept : result_(std::move(result)) {}
    ResultAwaiter(const ResultAwaiter&) = delete;
    ResultAwaiter& operator=(const ResultAwaiter&) = delete;
    bool await_ready() const noexcept { return result_.ok(); }
    template <typename P>
    void await_suspend(std::coroutine_handle<P> task) noexcept {
        task.promise().fail(std::move(result_).error());
    }
    T await_resume() { return std::move(result_).value(); }

private:
    Result<T> result_;
};

template <typename T>
ResultAwaiter<T> operator co_await(Result<T>&& result) noexcept {
    return ResultAwaiter<T>(std::move(result));
}

// `co_await fail(Error(...))` ends the task.
inline ResultAwaiter<void> fail(Error error) noexcept {
    return ResultAwaiter<void>(Result<void>(std::move(error)));
}

inline Drain::Drain(PromiseBase* owner) noexcept : owner_(owner) {
    URC_CHECK(owner != nullptr);  // made outside of a task: nobody could wait for it
    outer_ = std::exchange(owner->drains_, this);
}

inline Drain::~Drain() {
    // Usually the first; members and heap objects may go in another order.
    Drain** link = &owner_->drains_;
    while (*link != this) link = &(*link)->outer_;
    *link = outer_;
}

}  // namespace urc
