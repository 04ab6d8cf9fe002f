#include "uring/epoll_backend.h"

#include <poll.h>

#include <algorithm>

namespace urc {
namespace {

using std::chrono::nanoseconds;

constexpr unsigned kOpcodes[] = {
    IORING_OP_NOP,     IORING_OP_READ,         IORING_OP_WRITE,  IORING_OP_RECV,         IORING_OP_SEND,
    IORING_OP_RECVMSG, IORING_OP_SENDMSG,      IORING_OP_ACCEPT, IORING_OP_CONNECT,      IORING_OP_POLL_ADD,
    IORING_OP_TIMEOUT, IORING_OP_LINK_TIMEOUT, kOpWaitid,        IORING_OP_ASYNC_CANCEL,
};
// What a multishot request delivers in one go: the others want their turn, and its stream a chance to stop
// it.
constexpr int kBurst = 16;
// Tasks that never have to wait must not keep those waiting that do.
constexpr int kTurnsWithoutLook = 16;
// Some sockets poll writable and are not: a Unix socket whose peer's queue is full. Nothing will tell.
constexpr nanoseconds kRetry = std::chrono::milliseconds(5);

}  // namespace

Result<std::unique_ptr<EpollBackend>> EpollBackend::create(const EpollOptions& options) {
    URC_TRY(PollSet poll_set, PollSet::create());
    return std::unique_ptr<EpollBackend>(new EpollBackend(options, std::move(poll_set)));
}

EpollBackend::EpollBackend(const EpollOptions& options, PollSet poll_set)
    : queue_size_(options.requests), calls_(!options.without_nowait), poll_set_(std::move(poll_set)) {
    for (unsigned opcode : kOpcodes) opcodes_.set(opcode);
    opcodes_ &= ~options.without_opcodes;
    queue_.reserve(queue_size_);
}

nanoseconds EpollBackend::now() const noexcept {
    return std::chrono::steady_clock::now().time_since_epoch();
}

io_uring_sqe& EpollBackend::next() noexcept {
    URC_CHECK(has_room(1));
    queue_.push_back(&pool_.take());
    return queue_.back()->sqe;
}

int EpollBackend::submit() noexcept {
    accept_queue();
    return look(false);
}

int EpollBackend::wait() noexcept {
    accept_queue();
    if (reaped_ < completions_.size() && ++turns_without_look_ < kTurnsWithoutLook) return 0;
    int result = look(true);
    // A wake-up may have been for nothing.
    while (result == 0 && reaped_ == completions_.size()) result = look(true);
    return result;
}

std::size_t EpollBackend::reap(std::span<Completion> into) noexcept {
    std::size_t count = std::min(into.size(), completions_.size() - reaped_);
    std::copy_n(completions_.begin() + static_cast<std::ptrdiff_t>(reaped_), count, into.begin());
    reaped_ += count;
    if (reaped_ == completions_.size()) {
        completions_.clear();
        reaped_ = 0;
    }
    return count;
}

void EpollBackend::accept_queue() noexcept {
    for (std::size_t i = 0; i < queue_.size();) {
        // A chain ends with the first request that is not linked, or with the queue: a submit cuts it.
        EpollRequest* head = queue_[i];
        EpollRequest* last = nullptr;
        for (bool is_linked = true; is_linked && i < queue_.size(); ++i) {
            EpollRequest& request = *queue_[i];
            is_linked = request.sqe.flags & IOSQE_IO_LINK;
            if (request.sqe.opcode == IORING_OP_LINK_TIMEOUT && last && !last->has_deadline) {
                bool is_absolute = request.sqe.timeout_flags & IORING_TIMEOUT_ABS;
                last->deadline = sqe_time(request.sqe) + (is_absolute ? nanoseconds(0) : now());
                last->timeout_user_data = request.sqe.user_data;
                last->has_deadline = true;
                pool_.give_back(request);
                continue;
            }
            if (last) last->linked = &request;
            last = &request;
        }
        run(head);
    }
    queue_.clear();
}

// ---- what happens --------------------------------------------------------------------------------

int EpollBackend::look(bool may_wait) noexcept {
    turns_without_look_ = 0;
    strike_timers();
    std::optional<nanoseconds> timeout = nanoseconds(0);
    if (may_wait && reaped_ == completions_.size()) {
        const Timer* first = timers_.first();
        timeout = first ? std::optional(std::max(first->time() - now(), nanoseconds(0))) : std::nullopt;
    }
    int result = poll_set_.wait(timeout, *this);
    strike_timers();
    return result;
}

void EpollBackend::strike_timers() noexcept {
    if (!timers_.first()) return;
    nanoseconds time = now();
    while (Timer* first = timers_.first()) {
        if (first->time() > time) return;
        timers_.remove(*first);
        auto& request = static_cast<EpollRequest&>(*first);
        if (request.sqe.opcode == IORING_OP_TIMEOUT) {
            run(end(request, {-ETIME, 0}));
        } else if (request.has_deadline && request.deadline <= time) {
            post(request.timeout_user_data, {-ETIME, 0});
            request.has_deadline = false;
            run(end(request, {-ECANCELED, 0}));
        } else {
            run(&request);
        }
    }
}

void EpollBackend::woken(PollWaiter& waiter, short events) noexcept {
    ++wakeups_;
    auto& request = static_cast<EpollRequest&>(waiter);
    if (request.sqe.opcode == IORING_OP_POLL_ADD) {
        if (is_multishot(request.sqe)) return post(request.sqe.user_data, {events, IORING_CQE_F_MORE});
        return run(end(request, {events, 0}));
    }
    if (auto outcome = calls_.attempt(request)) {
        if (!is_multishot(request.sqe) || ends_multishot(request.sqe, outcome->result))
            return run(end(request, *outcome));
        post(request.sqe.user_data, {outcome->result, outcome->flags | IORING_CQE_F_MORE});
        return run(&request);
    }
    // Another waiter was faster, or it says that it is ready and is not.
    if (ready_events(request.sqe.fd, wait_mask(request.sqe))) return try_later(request);
    if (auto outcome = wait_for(request)) run(end(request, *outcome));
}

// ---- a request goes its way ----------------------------------------------------------------------

void EpollBackend::run(EpollRequest* request) noexcept {
    while (request) {
        auto outcome = advance(*request);
        if (!outcome) return;
        request = end(*request, *outcome);
    }
}

std::optional<Outcome> EpollBackend::advance(EpollRequest& request) noexcept {
    const io_uring_sqe& sqe = request.sqe;
    constexpr unsigned kKnownFlags = IOSQE_IO_LINK | IOSQE_BUFFER_SELECT;
    if (!supports(sqe.opcode) || (sqe.flags & ~kKnownFlags)) return Outcome{-EINVAL, 0};
    if (sqe.opcode == IORING_OP_TIMEOUT) return wait_for_time(request);
    if (sqe.opcode == IORING_OP_ASYNC_CANCEL) return Outcome{cancel(sqe), 0};
    bool is_repeated = is_multishot(sqe);
    // The edge that a multishot poll waits for comes from epoll alone, the first one too.
    if (is_repeated && sqe.opcode == IORING_OP_POLL_ADD) return wait_for(request);
    for (int count = 0; count < kBurst; ++count) {
        auto outcome = calls_.attempt(request);
        if (!outcome) break;
        if (!is_repeated || ends_multishot(sqe, outcome->result)) return outcome;
        post(sqe.user_data, {outcome->result, outcome->flags | IORING_CQE_F_MORE});
    }
    return wait_for(request);
}

std::optional<Outcome> EpollBackend::wait_for(EpollRequest& request) noexcept {
    bool is_edge = request.sqe.opcode == IORING_OP_POLL_ADD && is_multishot(request.sqe);
    int result = poll_set_.add(request, request.sqe.fd, wait_mask(request.sqe),
                               is_edge ? Stay::until_removed : Stay::until_woken);
    if (result == -EPERM) return calls_.attempt_ready(request);
    if (result < 0) return Outcome{result, 0};
    note_waiting(request);
    return std::nullopt;
}

std::optional<Outcome> EpollBackend::wait_for_time(EpollRequest& request) noexcept {
    // A count of completions to wait for instead is nothing that urc uses.
    if (request.sqe.off != 0 || request.sqe.timeout_flags & ~IORING_TIMEOUT_ABS) return Outcome{-EINVAL, 0};
    bool is_absolute = request.sqe.timeout_flags & IORING_TIMEOUT_ABS;
    timers_.add(request, sqe_time(request.sqe) + (is_absolute ? nanoseconds(0) : now()));
    waiting_.add(request);
    return std::nullopt;
}

void EpollBackend::try_later(EpollRequest& request) noexcept {
    nanoseconds time = now() + kRetry;
    timers_.remove(request);
    timers_.add(request, request.has_deadline ? std::min(time, request.deadline) : time);
}

void EpollBackend::note_waiting(EpollRequest& request) noexcept {
    waiting_.add(request);
    if (request.has_deadline && !request.is_queued()) timers_.add(request, request.deadline);
}

EpollRequest* EpollBackend::end(EpollRequest& request, Outcome outcome) noexcept {
    poll_set_.remove(request);
    timers_.remove(request);
    waiting_.remove(request);
    EpollRequest* rest = request.linked;
    bool is_broken = breaks_chain(request.sqe, outcome.result);
    post_end(request, outcome);
    if (!is_broken) return rest;
    while (rest) {
        EpollRequest* next = rest->linked;
        post_end(*rest, {-ECANCELED, 0});
        rest = next;
    }
    return nullptr;
}

void EpollBackend::post_end(EpollRequest& request, Outcome outcome) noexcept {
    post(request.sqe.user_data, outcome);
    if (request.has_deadline) post(request.timeout_user_data, {-ECANCELED, 0});
    pool_.give_back(request);
}

int EpollBackend::cancel(const io_uring_sqe& sqe) noexcept {
    if (sqe.cancel_flags != 0) return -EINVAL;
    EpollRequest* target = waiting_.find(sqe.addr);
    if (!target) return -ENOENT;
    end(*target, {-ECANCELED, 0});
    return 0;
}

void EpollBackend::post(std::uint64_t user_data, Outcome outcome) noexcept {
    completions_.push_back({user_data, outcome.result, outcome.flags});
}

}  // namespace urc
