#include "uring/operation.h"

#include <utility>

#include "uring/link.h"
#include "uring/loop.h"

namespace urc {

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

void FdOperation::prepare(io_uring_sqe& sqe) noexcept {
    if (is_polling_) {
        io_uring_prep_poll_add(&sqe, fd_, poll_mask_);
    } else {
        prepare_call(sqe);
    }
}

bool FdOperation::again(int& result) noexcept {
    if (is_polling_) {
        if (result < 0 && !is_poll_again(result)) return false;
        is_polling_ = false;
        return true;
    }
    if (result == -EAGAIN) return is_polling_ = true;
    return again_call(result);
}

bool PolledOperation::again(int& result) noexcept {
    if (result < 0) return is_poll_again(result);
    result = call();
    return result == -EINTR || result == -EAGAIN;
}

}  // namespace urc
