#include "uring/task.h"

#include "uring/loop.h"

namespace urc {

void PromiseBase::start(Loop& loop, CancelScope& scope, Joiner& joiner, TaskBase* owner) noexcept {
    URC_CHECK(!has_started());
    loop_ = &loop;
    if (!scope_) scope_ = &scope;
    joiner_ = &joiner;
    owner_ = owner;
    loop.make_ready(*this);
}

bool PromiseBase::start_below(PromiseBase& parent, TaskBase& owner, Settling settling) {
    URC_CHECK(!has_started());
    loop_ = parent.loop_;
    if (!scope_) scope_ = parent.scope_;
    parent_ = &parent;
    owner_ = &owner;
    is_settled_ = settling == Settling::as_result;
    resume();
    if (!is_over()) return false;
    if (!has_failed() || is_settled_) return true;
    Error error = take_error();
    PromiseBase& above = parent;
    owner.reset();  // *this is gone
    above.fail(std::move(error));
    return false;
}

void PromiseBase::run() {
    PromiseBase* task = this;
    if (!task->has_ended_) task->resume();
    while (task->is_over()) {
        PromiseBase* parent = task->parent_;
        if (!parent) {
            task->joiner_->task_ended(*task);
            return;
        }
        if (task->has_failed() && !task->is_settled_) {
            Error error = task->take_error();
            task->owner_->reset();
            parent->fail(std::move(error));
        } else {
            parent->resume();
        }
        task = parent;
    }
}

bool PromiseBase::is_over() noexcept {
    if (!has_ended_) return false;
    // Innermost first: what was opened later may use what was opened before.
    for (Drain* drain = drains_; drain; drain = drain->outer_) {
        if (!drain->drain(*this)) return false;
    }
    return true;
}

}  // namespace urc
