// Event: one task tells another that something is there to look at. It carries nothing, and it keeps: set()
// before wait() lets the next wait() go on at once, and any number of set() before that count as one.
//
//   Event wake(loop);
//   for (;;) {                                        elsewhere, in the same loop:
//       co_await wake.wait();                             queue.push(item);
//       while (!queue.empty()) ...                        wake.set();
//   }
//
// One task waits at a time. The waiting task can be cancelled; a set() that came first stands.
#pragma once

#include <utility>

#include "uring/loop.h"

namespace urc {

class Event {
public:
    explicit Event(Loop& loop) noexcept : loop_(loop) {}
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() { URC_CHECK(waiting_ == nullptr); }

    class [[nodiscard]] Wait final : private Ready, private Cancelable {
    public:
        explicit Wait(Event& event) noexcept : event_(event) {}

        bool await_ready() const noexcept { return false; }
        template <typename P>
        bool await_suspend(std::coroutine_handle<P> task) {
            return begin(task.promise(), Settling::ends_task);
        }
        void await_resume() const noexcept {}

        bool begin(PromiseBase& task, Settling settling) {
            if (std::exchange(event_.is_set_, false)) return false;
            if (task.scope().is_cancelled()) {
                is_cancelled_ = true;
                if (settling == Settling::as_result) return false;
                task.fail(error());
                return true;
            }
            URC_CHECK(!event_.waiting_);
            event_.waiting_ = this;
            task_ = &task;
            settling_ = settling;
            enter(task.scope());
            return true;
        }
        bool failed() const noexcept { return is_cancelled_; }
        Error error() const { return Error(ECANCELED, "wait"); }
        void take() const noexcept {}

    private:
        friend class Event;

        void request_cancel() noexcept override {
            is_cancelled_ = true;
            event_.loop_.make_ready(*this);
        }
        void run() override {
            leave();
            event_.waiting_ = nullptr;
            if (std::exchange(event_.is_set_, false)) is_cancelled_ = false;
            if (is_cancelled_ && settling_ == Settling::ends_task) task_->fail(error());
            task_->run();
        }

        Event& event_;
        PromiseBase* task_ = nullptr;
        Settling settling_ = Settling::ends_task;
        bool is_cancelled_ = false;
    };

    void set() noexcept {
        is_set_ = true;
        if (waiting_) loop_.make_ready(*waiting_);
    }
    Wait wait() noexcept { return Wait(*this); }

private:
    Loop& loop_;
    Wait* waiting_ = nullptr;
    bool is_set_ = false;
};

}  // namespace urc
