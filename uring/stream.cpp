#include "uring/stream.h"

namespace urc {

void StreamQueue::push(StreamItem item) {
    std::span<StreamItem> old = slots();
    if (count_ == old.size()) {
        std::vector<StreamItem> larger(old.size() * 2);
        for (std::size_t i = 0; i < count_; ++i) larger[i] = old[(first_ + i) % old.size()];
        more_ = std::move(larger);
        first_ = 0;
    }
    std::span<StreamItem> all = slots();
    all[(first_ + count_) % all.size()] = item;
    ++count_;
}

StreamItem StreamQueue::pop() noexcept {
    std::span<StreamItem> all = slots();
    StreamItem item = all[first_];
    first_ = (first_ + 1) % all.size();
    --count_;
    return item;
}

void StreamBase::reaped(Part part, int result, std::uint32_t flags) noexcept {
    bool is_last = !(flags & IORING_CQE_F_MORE);
    if (is_last) pending_ &= static_cast<std::uint8_t>(~part);
    if (part == kCancel) {
        if (result == -ENOENT && (pending_ & kOwn)) must_cancel_again_ = true;
    } else if (result == -ENOBUFS && buffers_) {
        is_starved_ = true;
    } else if (result == -EINVAL && is_multishot_ && !has_answered_) {
        is_multishot_ = false;
    } else if (result != -EINTR && result != -EAGAIN && !(result == -ECANCELED && is_cancel_requested_)) {
        has_answered_ = true;
        if (buffers_) buffers_->note_taken(flags);
        queue_.push({result, flags});
    }
    loop_.make_ready(*this);
}

void StreamBase::run() {
    if (pending_ & kOwn) {
        bool is_full = queue_.size() >= kQueuedMax && !is_cancel_requested_;
        if (std::exchange(must_cancel_again_, false) || is_full) {
            is_cancel_requested_ = true;
            submit_cancel();
        }
    }
    if (draining_) {
        if (pending_ == 0) loop_.make_ready(*std::exchange(draining_, nullptr));
        return;
    }
    if (!waiting_) return;
    if (queue_.size() > 0) return deliver(queue_.pop());
    if (pending_ != 0) return;
    if (is_waiter_cancelled_) return deliver({-ECANCELED, 0});
    arm();
}

void StreamBase::arm() noexcept {
    is_cancel_requested_ = false;
    must_cancel_again_ = false;
    // The next lease that is given back runs us again. One may have come back since the kernel found none.
    if (std::exchange(is_starved_, false) && buffers_->is_empty()) return buffers_->wait_for_buffer(*this);
    submit();
}

bool StreamBase::begin_next(PromiseBase& task, Settling settling, StreamItem& into) {
    URC_CHECK(!waiting_ && !draining_);
    bool is_cancelled = task.scope().is_cancelled();
    if (queue_.size() > 0 || is_cancelled) {
        into = queue_.size() > 0 ? queue_.pop() : StreamItem{-ECANCELED, 0};
        if (into.result >= 0 || settling == Settling::as_result) return false;
        task.fail(item_error(into));
        return true;
    }
    waiting_ = &task;
    next_settling_ = settling;
    into_ = &into;
    is_waiter_cancelled_ = false;
    enter(task.scope());
    if (pending_ == 0) arm();
    return true;
}

void StreamBase::deliver(StreamItem item) {
    leave();
    *into_ = item;
    PromiseBase& task = *std::exchange(waiting_, nullptr);
    if (item.result < 0 && next_settling_ == Settling::ends_task) task.fail(item_error(item));
    task.run();
}

void StreamBase::request_cancel() noexcept {
    is_waiter_cancelled_ = true;
    if (pending_ & kOwn) {
        if (!std::exchange(is_cancel_requested_, true)) submit_cancel();
    } else {
        if (buffers_) buffers_->wake();
        loop_.make_ready(*this);
    }
}

bool StreamBase::drain(PromiseBase& task) noexcept {
    if (pending_ == 0 && !is_queued()) return true;
    if ((pending_ & kOwn) && !std::exchange(is_cancel_requested_, true)) submit_cancel();
    if (pending_ == 0 && buffers_) buffers_->wake();
    draining_ = &task;
    return false;
}

}  // namespace urc
