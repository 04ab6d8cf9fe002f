#include "uring/link.h"

namespace urc {

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

}  // namespace urc
