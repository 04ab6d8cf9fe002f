// Waiters: tasks in a queue, for something of which there is now and then a little: a socket in stock, room
// for one more descriptor.
//
//   while (!stock.has_one()) {
//       Waiters::Place place(loop, stock.waiters());      // in the frame; leaves the queue when it goes
//       co_await place.called();
//   }
//
// Who is called looks again, and may find that it was late. One that is cancelled after it has been called
// passes the call on.
#pragma once

#include "uring/event.h"

namespace urc::ports {

class Waiters {
public:
    class Place {
    public:
        Place(Loop& loop, Waiters& waiters) noexcept
            : waiters_(waiters), called_(loop), previous_(waiters.last_) {
            (previous_ ? previous_->next_ : waiters_.first_) = this;
            waiters_.last_ = this;
        }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place() {
            leave();
            if (is_called_ && !has_seen_) waiters_.call_one();
        }

        Task<void> called() {
            co_await called_.wait();
            has_seen_ = true;
        }

    private:
        friend class Waiters;

        void call() noexcept {
            leave();
            is_called_ = true;
            called_.set();
        }
        void leave() noexcept {
            if (!is_listed_) return;
            is_listed_ = false;
            (previous_ ? previous_->next_ : waiters_.first_) = next_;
            (next_ ? next_->previous_ : waiters_.last_) = previous_;
        }

        Waiters& waiters_;
        Event called_;
        Place* previous_;
        Place* next_ = nullptr;
        bool is_listed_ = true;
        bool is_called_ = false;
        bool has_seen_ = false;
    };

    bool empty() const noexcept { return first_ == nullptr; }
    void call_one() noexcept {
        if (first_) first_->call();
    }
    void call_all() noexcept {
        while (first_) first_->call();
    }

private:
    Place* first_ = nullptr;
    Place* last_ = nullptr;
};

}  // namespace urc::ports
