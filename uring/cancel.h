// CancelScope: a set of things in flight that can be asked, together, to stop.
//
// Scopes form a tree that follows the tasks: a task works in the scope of the task that awaits it, a Nursery
// opens a new one for its children. Cancelling a scope cancels the scopes below it. It is only a request:
//
//   scope.cancel() --> every operation in it queues one ASYNC_CANCEL     (nothing is resumed here)
//   kernel         --> the operation's own completion AND that of the cancel, in either order
//   loop           --> both are in: the operation is over; it may have won and say "done, 12 bytes"
//
// A task that starts an operation in a cancelled scope gets ECANCELED at once. Clean-up that must still talk
// to the ring runs under shielded(...) (loop.h).
#pragma once

#include "uring/check.h"

namespace urc {

class CancelScope;
class Loop;

class Cancelable {
public:
    Cancelable(const Cancelable&) = delete;
    Cancelable& operator=(const Cancelable&) = delete;

    // Asks; must not resume anyone. Called at most once per stay in a scope.
    virtual void request_cancel() noexcept = 0;

protected:
    Cancelable() = default;
    ~Cancelable() { URC_CHECK(scope_ == nullptr); }

    void enter(CancelScope& scope) noexcept;
    void leave() noexcept;

private:
    friend class CancelScope;
    CancelScope* scope_ = nullptr;
    Cancelable* previous_ = nullptr;
    Cancelable* next_ = nullptr;
};

class CancelScope final : public Cancelable {
public:
    // The root: cancelled by nobody but its owner.
    CancelScope() = default;
    explicit CancelScope(CancelScope& parent) noexcept : is_cancelled_(parent.is_cancelled_) {
        enter(parent);
    }
    // Below the scope of the task that is running now.
    explicit CancelScope(Loop& loop) noexcept;
    ~CancelScope() {
        leave();
        // Whatever is still in here would outlive what it belongs to.
        URC_CHECK(first_ == nullptr);
    }

    bool is_cancelled() const noexcept { return is_cancelled_; }

    void cancel() noexcept {
        if (is_cancelled_) return;
        is_cancelled_ = true;
        // Requests only append to queues, so the list stays as it is while we walk along it.
        for (Cancelable* entry = first_; entry; entry = entry->next_) entry->request_cancel();
    }

    void request_cancel() noexcept override { cancel(); }

private:
    friend class Cancelable;
    Cancelable* first_ = nullptr;
    bool is_cancelled_ = false;
};

inline void Cancelable::enter(CancelScope& scope) noexcept {
    URC_CHECK(scope_ == nullptr);
    scope_ = &scope;
    previous_ = nullptr;
    next_ = scope.first_;
    if (next_) next_->previous_ = this;
    scope.first_ = this;
}

inline void Cancelable::leave() noexcept {
    if (!scope_) return;
    (previous_ ? previous_->next_ : scope_->first_) = next_;
    if (next_) next_->previous_ = previous_;
    scope_ = nullptr;
    previous_ = next_ = nullptr;
}

}  // namespace urc
