#include "uring/loop.h"

#include <array>
#include <span>
#include <utility>

#include "uring/link.h"

namespace urc {
namespace {

// Tasks that keep making each other ready must not keep completions waiting for ever.
constexpr int kTurnsBeforeSubmit = 16;
// A submit that is refused this often although we reap in between is refused for good.
constexpr int kSubmitTriesMax = 1000;

struct RootJoiner final : Joiner {
    bool is_over = false;
    void task_ended(PromiseBase&) noexcept override { is_over = true; }
};

}  // namespace

// ---- tasks
// ----------------------------------------------------------------------------------------------------

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

// ---- operations
// ------------------------------------------------------------------------------------------------

bool Operation::begin(PromiseBase& task, Settling settling) {
    task_ = &task;
    settling_ = settling;
    if (task.scope().is_cancelled()) {
        result_ = -ECANCELED;
        if (settling == Settling::as_result) return false;
        task.fail(error());
        return true;
    }
    enter(task.scope());
    submit();
    return true;
}

void Operation::submit(unsigned sqe_flags) noexcept {
    if (!deadline_) {
        io_uring_sqe& sqe = loop_.next_request();
        prepare(sqe);
        sqe.flags |= static_cast<std::uint8_t>(sqe_flags);
        sqe.user_data = Loop::user_data(*this, kOwn);
        pending_ |= kOwn;
        return;
    }
    loop_.reserve(2);
    io_uring_sqe& sqe = loop_.next_request();
    prepare(sqe);
    sqe.flags |= static_cast<std::uint8_t>(IOSQE_IO_LINK);
    sqe.user_data = Loop::user_data(*this, kOwn);
    io_uring_sqe& timeout = loop_.next_request();
    io_uring_prep_link_timeout(&timeout, const_cast<__kernel_timespec*>(deadline_), IORING_TIMEOUT_ABS);
    timeout.flags = static_cast<std::uint8_t>(sqe_flags);
    timeout.user_data = Loop::user_data(*this, kTimeout);
    pending_ |= kOwn | kTimeout;
}

void Operation::submit_cancel() noexcept {
    io_uring_sqe& sqe = loop_.next_request();
    io_uring_prep_cancel64(&sqe, Loop::user_data(*this, kOwn), 0);
    sqe.user_data = Loop::user_data(*this, kCancel);
    pending_ |= kCancel;
}

void Operation::request_cancel() noexcept {
    is_cancel_requested_ = true;
    if ((pending_ & (kOwn | kCancel)) == kOwn) submit_cancel();
}

void Operation::reaped(Part part, int result, std::uint32_t flags) noexcept {
    // A zero-copy send posts its result first and F_NOTIF when the pages are ours again.
    if (part == kOwn && !(flags & IORING_CQE_F_NOTIF)) result_ = result;
    // ECANCELED: we were faster. Anything else means that it struck: ETIME, or EALREADY when it found the
    // request being worked on, or ENOENT when it did not find it at all, and then nothing else will stop it.
    if (part == kTimeout && result != -ECANCELED) {
        has_timed_out_ = true;
        if (result == -ENOENT && (pending_ & kOwn)) must_cancel_again_ = true;
    }
    if (flags & IORING_CQE_F_MORE) return;
    pending_ &= static_cast<std::uint8_t>(~part);
    // ENOENT while our own completion is still out: the kernel held the request in neither of the places
    // where a cancel looks (it was on its way from one to the other). Ask again.
    if (part == kCancel && result == -ENOENT && (pending_ & kOwn)) must_cancel_again_ = true;
    if (pending_ == 0 || must_cancel_again_) loop_.make_ready(*this);
}

void Operation::run() {
    if (pending_ != 0) {
        bool must_cancel = std::exchange(must_cancel_again_, false);
        if (must_cancel && (pending_ & (kOwn | kCancel)) == kOwn) submit_cancel();
        return;
    }
    bool wants_more = again(result_);
    if (wants_more && !group_) {
        if (!is_cancel_requested_ && !has_timed_out_) return submit();
        result_ = -ECANCELED;
    }
    // Killed by its linked timeout. A result that came before the timeout struck stands.
    if (has_timed_out_ && (result_ == -ECANCELED || result_ == -EINTR)) result_ = -ETIMEDOUT;
    leave();
    if (group_) return group_->member_ended(*this);
    if (result_ < 0 && settling_ == Settling::ends_task) task_->fail(error());
    task_->run();
}

bool LinkGroup::begin(PromiseBase& task, Settling settling, std::span<Operation* const> members) {
    task_ = &task;
    settling_ = settling;
    members_ = members;
    if (task.scope().is_cancelled()) {
        for (Operation* member : members) member->result_ = -ECANCELED;
        if (settling == Settling::as_result) return false;
        task.fail(error());
        return true;
    }
    unsigned requests = 0;
    for (Operation* member : members) requests += member->deadline_ ? 2 : 1;
    enter(task.scope());
    task.loop().reserve(requests);
    left_ = members.size();
    for (std::size_t i = 0; i < members.size(); ++i) {
        members[i]->group_ = this;
        members[i]->submit(i + 1 < members.size() ? IOSQE_IO_LINK : 0U);
    }
    return true;
}

void LinkGroup::member_ended(const Operation&) noexcept {
    if (--left_ > 0) {
        if (is_cancel_requested_) cancel_first_pending();
        return;
    }
    leave();
    if (failed() && settling_ == Settling::ends_task) {
        discard();
        task_->fail(error());
    }
    task_->run();
}

void LinkGroup::request_cancel() noexcept {
    is_cancel_requested_ = true;
    cancel_first_pending();
}

void LinkGroup::cancel_first_pending() noexcept {
    // The kernel finds only the request at the head of what is left of a chain; the rest falls with it.
    for (Operation* member : members_) {
        if (!(member->pending_ & Operation::kOwn)) continue;
        if (!member->is_cancel_requested_) member->request_cancel();
        return;
    }
}

bool LinkGroup::failed() const noexcept {
    for (const Operation* member : members_) {
        if (member->failed()) return true;
    }
    return false;
}

Error LinkGroup::error() const {
    // The one that broke the chain says more than those that were cancelled because of it.
    const Operation* first = nullptr;
    for (const Operation* member : members_) {
        if (!member->failed()) continue;
        if (member->result_ != -ECANCELED) return member->error();
        if (!first) first = member;
    }
    return first->error();
}

void FdOperation::prepare(io_uring_sqe& sqe) noexcept {
    if (is_polling_) {
        io_uring_prep_poll_add(&sqe, fd_, poll_mask_);
    } else {
        prepare_call(sqe);
    }
}

bool FdOperation::again(int& result) noexcept {
    if (is_polling_) {
        if (result < 0 && result != -EINTR) return false;
        is_polling_ = false;
        return true;
    }
    if (result == -EAGAIN) return is_polling_ = true;
    return again_call(result);
}

bool PolledOperation::again(int& result) noexcept {
    if (result < 0) return result == -EINTR;
    result = call();
    return result == -EINTR || result == -EAGAIN;
}

// ---- the loop
// --------------------------------------------------------------------------------------------------

void Loop::run_to_end(TaskBase& task) {
    URC_CHECK(current_ == nullptr && in_flight_ == 0);
    RootJoiner root;
    task.promise().start(*this, root_, root, &task);
    for (;;) {
        run_ready();
        if (root.is_over) break;
        submit_or_wait();
        reap();
    }
    // The task has joined all it started; a completion that is still out would be written into a dead frame.
    URC_CHECK(in_flight_ == 0 && ready_.empty());
}

void Loop::run_ready() {
    for (int turn = 0; turn < kTurnsBeforeSubmit && !ready_.empty(); ++turn) {
        ReadyList batch;
        batch.take(ready_);
        while (!batch.empty()) batch.pop().run();
    }
}

void Loop::submit_or_wait() {
    bool must_wait = ready_.empty();
    // Nothing in flight and nothing to run: a task waits for something that cannot happen any more.
    URC_CHECK(!must_wait || in_flight_ > 0);
    int result = must_wait ? backend_.wait() : backend_.submit();
    URC_CHECK(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
}

void Loop::make_room(unsigned count) noexcept {
    for (int tries = 0; !backend_.has_room(count); ++tries) {
        URC_CHECK(tries < kSubmitTriesMax);
        int result = backend_.submit();
        URC_CHECK(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
        // EBUSY: the kernel keeps completions that found no room and takes no more requests until we make
        // some.
        if (result < 0) reap();
    }
}

void Loop::reap() noexcept {
    std::array<Completion, 64> batch;
    std::size_t count;
    do {
        count = backend_.reap(batch);
        for (const Completion& completion : std::span(batch).first(count)) {
            auto* operation = reinterpret_cast<Operation*>(completion.user_data & ~Operation::kPartMask);
            auto part = static_cast<Operation::Part>(completion.user_data & Operation::kPartMask);
            if (!(completion.flags & IORING_CQE_F_MORE)) --in_flight_;
            operation->reaped(part, completion.result, completion.flags);
        }
    } while (count == batch.size());
}

}  // namespace urc
