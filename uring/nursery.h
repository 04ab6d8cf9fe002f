// Nursery: the only place where a task gets siblings. Children run at the same time as the task that opened
// it and never longer; the first one that fails cancels the rest.
//
//   Nursery nursery(loop);
//   nursery.spawn(pump(loop, a, b));
//   nursery.spawn(pump(loop, b, a));
//   co_await nursery.join();          // all have ended; the first Error, if any, ends this task
//
// Leaving early: when the opening task ends by an Error, the children are cancelled and awaited before the
// Error travels on, and its frame stays until then. A `co_return` past a Nursery with live children cannot
// wait (there are no asynchronous destructors) and is a checked bug: join() first, or use with_nursery(),
// which cancels and joins however its body ends. all(), race() and within() (race.h) are nurseries with
// results.
//
// A failed child does not interrupt what the opening task itself is waiting for. A task that waits for more
// than its children runs that as a child too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "uring/loop.h"

namespace urc {

enum class NurseryPolicy : std::uint8_t {
    all_must_succeed,  // the first Error cancels the others
    first_ends_all,    // the first end, good or bad, cancels the others
};

class Nursery final : private Drain, private Joiner {
public:
    explicit Nursery(Loop& loop, NurseryPolicy policy = NurseryPolicy::all_must_succeed) noexcept
        : Drain(loop.current()), loop_(loop), policy_(policy), scope_(owner().scope()) {}
    ~Nursery() { URC_CHECK(children_ == 0); }

    // Starts `task`, once the caller has come to wait. Owns it.
    void spawn(Task<void> task) noexcept {
        ++children_;
        task.release().start(loop_, scope_, *this, nullptr);
    }
    // Asks all children to stop. Their ECANCELED is then what was wanted, and no Error of join().
    void cancel() noexcept {
        is_cancelled_by_owner_ = true;
        scope_.cancel();
    }

    std::size_t children() const noexcept { return children_; }

    // Waits for all children, then ends the task with the first Error there was.
    class Join {
    public:
        explicit Join(Nursery& nursery) noexcept : nursery_(nursery) {}
        Join(const Join&) = delete;
        Join& operator=(const Join&) = delete;
        bool await_ready() const noexcept { return false; }
        template <typename P>
        bool await_suspend(std::coroutine_handle<P> task) noexcept {
            return begin(task.promise(), Settling::ends_task);
        }
        void await_resume() const noexcept {}

        bool begin(PromiseBase& task, Settling settling) noexcept { return nursery_.wait(task, settling); }
        bool failed() const noexcept { return nursery_.error_.has_value(); }
        Error error() const { return *nursery_.error_; }
        void take() const noexcept {}

    private:
        Nursery& nursery_;
    };
    [[nodiscard]] Join join() noexcept { return Join(*this); }

private:
    template <typename T>
    friend class Kept;

    void task_ended(PromiseBase& child) noexcept override {
        std::optional<Error> error;
        if (child.has_failed()) error = child.take_error();
        child.destroy();
        child_ended(error ? &*error : nullptr);
    }

    // The child's frame is gone. True when it was the first to end.
    bool child_ended(const Error* error) noexcept {
        bool is_first = !std::exchange(has_first_, true);
        if (policy_ == NurseryPolicy::first_ends_all) {
            if (is_first) scope_.cancel();
        } else if (error && !error_ && (error->code() != ECANCELED || !is_cancelled_by_owner_)) {
            error_ = *error;
            scope_.cancel();
        }
        if (--children_ == 0 && waiting_) {
            PromiseBase& task = *std::exchange(waiting_, nullptr);
            // A task that has ended waits only for us to be empty; its own Error stands.
            if (error_ && settling_ == Settling::ends_task && !task.has_ended()) task.fail(*error_);
            loop_.make_ready(task);
        }
        return is_first;
    }

    // True when `task` must stay suspended.
    bool wait(PromiseBase& task, Settling settling) noexcept {
        URC_CHECK(!waiting_);
        if (children_ > 0) {
            waiting_ = &task;
            settling_ = settling;
            return true;
        }
        if (!error_ || settling == Settling::as_result) return false;
        task.fail(*error_);
        return true;
    }

    bool drain(PromiseBase& task) noexcept override {
        if (children_ == 0) return true;
        cancel();
        waiting_ = &task;
        return false;
    }

    Loop& loop_;
    NurseryPolicy policy_;
    Settling settling_ = Settling::ends_task;
    bool is_cancelled_by_owner_ = false;
    bool has_first_ = false;
    std::size_t children_ = 0;
    PromiseBase* waiting_ = nullptr;
    std::optional<Error> error_;
    CancelScope scope_;
};

// A child whose end is wanted: its Result is here after join(). The frame goes as soon as the child has
// ended, and with it what was passed to it, such as the writing end of a pipe that a sibling reads to its
// end.
template <typename T>
class Kept final : private Joiner {
public:
    explicit Kept(Task<T>&& task) noexcept : task_(std::move(task)) {}
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;

    void start(Nursery& nursery) noexcept {
        nursery_ = &nursery;
        ++nursery.children_;
        task_.promise().start(nursery.loop_, nursery.scope_, *this, &task_);
    }

    Result<T>& result() noexcept { return *result_; }
    // Whether it was the first child of its nursery to end.
    bool was_first() const noexcept { return was_first_; }

private:
    void task_ended(PromiseBase&) noexcept override {
        result_.emplace(task_.take());
        was_first_ = nursery_->child_ended(result_->ok() ? nullptr : &std::as_const(*result_).error());
    }

    Task<T> task_;
    Nursery* nursery_ = nullptr;
    std::optional<Result<T>> result_;
    bool was_first_ = false;
};

// Runs `body(nursery, args...)`, a function that returns a Task, then cancels and joins what it left running.
// The Error is the body's, or else the first of a child.
template <typename Body, typename... Args>
auto with_nursery(Loop& loop, Body body, Args... args) -> std::invoke_result_t<Body, Nursery&, Args...> {
    Nursery nursery(loop);
    auto result = co_await settled(body(nursery, std::move(args)...));
    nursery.cancel();
    auto joined = co_await settled(nursery.join());
    if (result.ok() && !joined.ok()) co_await fail(std::move(joined).error());
    co_return co_await std::move(result);
}

}  // namespace urc
