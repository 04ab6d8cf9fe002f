#include "tests/sim/sim_backend.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "uring/check.h"

namespace urc {
namespace {

constexpr int kErrnoMax = 133;
// A pipe that polls writable takes this much without blocking (PIPE_BUF).
constexpr std::size_t kPipeRoom = 4096;

}  // namespace

SimBackend::SimBackend(const SimOptions& options) noexcept
    : options_(options), random_(options.seed), queue_(options.requests) {}

SimBackend::~SimBackend() {
    URC_CHECK(active_.empty() && posting_.empty() && completions_.empty() && overflow_.empty());
    URC_CHECK(buffers_.empty());
}

bool SimBackend::has_room(unsigned count) const noexcept {
    return queue_.size() - queued_ >= count;
}

io_uring_sqe& SimBackend::next() noexcept {
    URC_CHECK(queued_ < queue_.size());
    return queue_[queued_++];
}

int SimBackend::submit() noexcept {
    flush();
    if (random_.chance(options_.refuse_permille)) {
        ++seen_.refusals;
        constexpr int kRefusals[] = {-EINTR, -EAGAIN, -EBUSY};
        return kRefusals[random_.below(3)];
    }
    accept_batch();
    if (random_.chance(500)) step(false);
    flush();
    return 0;
}

int SimBackend::wait() noexcept {
    if (int result = submit(); result < 0) return result;
    for (int idle = 0; completions_.empty();) {
        if (step(idle > 3)) {
            idle = 0;
        } else if (auto time = next_timeout(); time && idle > 3) {
            time_ = std::max(time_, *time);
        } else if (++idle > 100) {
            std::fprintf(stderr, "sim: seed %llu: %zu requests wait for ever\n",
                         static_cast<unsigned long long>(options_.seed), active_.size());
            return -EDEADLK;
        }
        flush();
    }
    return 0;
}

std::size_t SimBackend::reap(std::span<Completion> into) noexcept {
    std::size_t count = 0;
    while (count < into.size() && !completions_.empty()) {
        into[count++] = completions_.front();
        completions_.pop_front();
    }
    return count;
}

// ---- requests come in ---------------------------------------------------------------------------

void SimBackend::accept_batch() {
    std::vector<io_uring_sqe> batch(queue_.begin(), queue_.begin() + queued_);
    queued_ = 0;
    for (std::size_t i = 0; i < batch.size();) {
        // A chain ends with the first request that is not linked, or with the batch: a submit cuts it.
        Request head;
        Request* last = nullptr;
        for (bool is_linked = true; is_linked && i < batch.size(); ++i) {
            is_linked = batch[i].flags & IOSQE_IO_LINK;
            if (batch[i].opcode == IORING_OP_LINK_TIMEOUT && last) {
                last->timeout = batch[i];
                continue;
            }
            if (!last) {
                last = &head;
            } else {
                last = &head.rest.emplace_back();
            }
            last->sqe = batch[i];
        }
        start(std::move(head));
    }
}

void SimBackend::start(Request request) {
    switch (request.sqe.opcode) {
        case IORING_OP_ASYNC_CANCEL:
            return cancel(request.sqe);
        case IORING_OP_LINK_TIMEOUT:  // nothing to be linked to
            return post(request.sqe.user_data, -EINVAL, 0);
        default:
            active_.push_back(std::move(request));
    }
}

void SimBackend::cancel(const io_uring_sqe& sqe) {
    auto target = std::find_if(active_.begin(), active_.end(),
                               [&](const Request& entry) { return entry.sqe.user_data == sqe.addr; });
    if (target == active_.end()) return post(sqe.user_data, -ENOENT, 0);
    // A timeout is found and stopped under one lock.
    bool is_timeout = target->sqe.opcode == IORING_OP_TIMEOUT;
    switch (is_timeout ? 7 : random_.below(8)) {
        case 0:  // on its way from one list to another
            ++seen_.cancels_astray;
            return post(sqe.user_data, -ENOENT, 0);
        case 1:  // being worked on
            ++seen_.cancels_lost;
            target->is_doomed = true;
            return post(sqe.user_data, -EALREADY, 0);
        case 2:  // done at the last moment, if it can be
            post(sqe.user_data, -EALREADY, 0);
            target->is_doomed = true;
            ++seen_.cancels_lost;
            (void)advance(target);
            return;
        default:
            ++seen_.cancels_won;
            post(sqe.user_data, 0, 0);
            return end(target, -ECANCELED);
    }
}

// ---- requests end -------------------------------------------------------------------------------

void SimBackend::end(Requests::iterator request, int result, std::uint32_t flags) {
    Request ended = std::move(*request);
    active_.erase(request);
    post(ended.sqe.user_data, result, flags);
    if (ended.timeout) post(ended.timeout->user_data, -ECANCELED, 0);
    if (ended.rest.empty()) return;
    if (breaks_chain(ended.sqe, result)) return cancel_chain(ended.rest);
    Request next = std::move(ended.rest.front());
    ended.rest.pop_front();
    next.rest = std::move(ended.rest);
    start(std::move(next));
}

void SimBackend::cancel_chain(std::deque<Request>& rest) {
    for (Request& member : rest) {
        post(member.sqe.user_data, -ECANCELED, 0);
        if (member.timeout) post(member.timeout->user_data, -ECANCELED, 0);
    }
}

bool SimBackend::strike(Requests::iterator request) {
    if (request->sqe.opcode == IORING_OP_TIMEOUT) {
        if (time_ < sqe_time(request->sqe)) return false;
        end(request, -ETIME);
        return true;
    }
    if (!request->timeout || time_ < sqe_time(*request->timeout)) return false;
    std::uint64_t user_data = request->timeout->user_data;
    request->timeout.reset();
    if (random_.chance(300)) {
        // Being worked on, or nowhere to be found.
        ++seen_.timeouts_lost;
        request->is_doomed = random_.chance(500);
        post(user_data, request->is_doomed ? -EALREADY : -ENOENT, 0);
        return true;
    }
    ++seen_.timeouts_won;
    post(user_data, -ETIME, 0);
    end(request, -ECANCELED);
    return true;
}

std::optional<std::chrono::nanoseconds> SimBackend::next_timeout() const {
    std::optional<std::chrono::nanoseconds> first;
    auto note = [&](std::chrono::nanoseconds time) { first = first ? std::min(*first, time) : time; };
    for (const Request& request : active_) {
        if (request.sqe.opcode == IORING_OP_TIMEOUT) note(sqe_time(request.sqe));
        if (request.timeout) note(sqe_time(*request.timeout));
    }
    return first;
}

bool SimBackend::step(bool is_eager) {
    // Now and then a timeout overtakes what could happen before it, but not what has already happened.
    bool is_quiet = posting_.empty() && overflow_.empty() && completions_.empty();
    if (auto time = next_timeout(); time && is_quiet && random_.chance(20)) time_ = std::max(time_, *time);
    std::vector<Requests::iterator> order;
    for (auto entry = active_.begin(); entry != active_.end(); ++entry) order.push_back(entry);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.below(i)]);
    // Completing one request never removes another one from the list, so the iterators stay good.
    bool has_moved = false;
    for (auto entry : order) {
        if (!is_eager && random_.chance(400)) continue;
        has_moved = strike(entry) || advance(entry) || has_moved;
        if (has_moved && random_.chance(300)) break;
    }
    return has_moved || !posting_.empty();
}

bool SimBackend::advance(Requests::iterator request) {
    if (request->sqe.opcode == IORING_OP_TIMEOUT) return false;
    std::uint32_t flags = 0;
    std::optional<int> result;
    if (random_.chance(options_.error_permille)) {
        ++seen_.errors;
        result = -static_cast<int>(1 + random_.below(kErrnoMax));
    } else if (random_.chance(options_.retry_permille)) {
        // Only what a retry is promised for: EAGAIN never comes from a poll.
        result = request->sqe.opcode == IORING_OP_POLL_ADD || random_.chance(500) ? -EINTR : -EAGAIN;
        if (request->sqe.opcode == IORING_OP_NOP || request->sqe.opcode == kOpWaitid) result = -EINTR;
        if (request->sqe.opcode == IORING_OP_CONNECT) result.reset();
    }
    if (!result) result = attempt(*request, flags);
    if (!result) {
        if (!request->is_doomed || random_.chance(500)) return false;
        end(request, random_.chance(500) ? -ECANCELED : -EINTR);
        return true;
    }
    if (is_multishot(request->sqe)) return advance_multishot(request, *result, flags);
    end(request, *result, flags);
    return true;
}

bool SimBackend::advance_multishot(Requests::iterator request, int result, std::uint32_t flags) {
    if (ends_multishot(request->sqe, result) || random_.chance(200)) {
        end(request, result, flags);
    } else {
        request->has_fired = true;
        post(request->sqe.user_data, result, flags | IORING_CQE_F_MORE);
    }
    return true;
}

// ---- the calls ----------------------------------------------------------------------------------

std::optional<int> SimBackend::attempt(Request& request, std::uint32_t& flags) {
    const io_uring_sqe& sqe = request.sqe;
    switch (sqe.opcode) {
        case IORING_OP_NOP:
            return 0;
        case IORING_OP_POLL_ADD: {
            short ready = ready_events(sqe.fd, wait_mask(sqe));
            if (!ready) request.has_fired = false;
            if (!ready || request.has_fired) return std::nullopt;
            return ready;
        }
        case IORING_OP_ACCEPT:
            if (!ready_events(sqe.fd, POLLIN)) return std::nullopt;
            return as_result(::accept4(sqe.fd, nullptr, nullptr, static_cast<int>(sqe.accept_flags)));
        case IORING_OP_CONNECT:
            return as_result(
                ::connect(sqe.fd, sqe_pointer<const sockaddr>(sqe.addr), static_cast<socklen_t>(sqe.off)));
        case kOpWaitid: {
            auto* info = sqe_pointer<siginfo_t>(sqe.addr2);
            int result = ::waitid(static_cast<idtype_t>(sqe.len), static_cast<id_t>(sqe.fd), info,
                                  static_cast<int>(sqe.file_index) | WNOHANG);
            if (result == 0 && info->si_pid == 0) return std::nullopt;
            return as_result(result);
        }
        default:
            return transfer(request, flags);
    }
}

std::optional<int> SimBackend::transfer(Request& request, std::uint32_t& flags) {
    const io_uring_sqe& sqe = request.sqe;
    if (!ready_events(sqe.fd, wait_mask(sqe))) {
        if (is_nonblocking(sqe.fd)) return -EAGAIN;
        return std::nullopt;
    }
    std::size_t size = sqe.len;
    if (sqe.opcode == IORING_OP_WRITE) size = std::min(size, kPipeRoom);
    if (size > 1 && random_.chance(options_.short_permille)) {
        size = 1 + random_.below(size - 1);
        ++seen_.short_transfers;
    }
    int message_flags = static_cast<int>(sqe.msg_flags) | MSG_DONTWAIT;
    int result = -ENOSYS;
    switch (sqe.opcode) {
        case IORING_OP_READ:
            if (sqe.flags & IOSQE_BUFFER_SELECT) return receive_selected(request, flags);
            result = as_result(::read(sqe.fd, sqe_pointer<void>(sqe.addr), size));
            break;
        case IORING_OP_WRITE:
            result = as_result(::write(sqe.fd, sqe_pointer<void>(sqe.addr), size));
            break;
        case IORING_OP_SEND:
            result = as_result(::send(sqe.fd, sqe_pointer<void>(sqe.addr), size, message_flags));
            break;
        case IORING_OP_RECV:
            if (sqe.flags & IOSQE_BUFFER_SELECT) return receive_selected(request, flags);
            result = as_result(::recv(sqe.fd, sqe_pointer<void>(sqe.addr), size, message_flags));
            break;
        case IORING_OP_RECVMSG:
            result = as_result(::recvmsg(sqe.fd, sqe_pointer<msghdr>(sqe.addr), message_flags));
            break;
        case IORING_OP_SENDMSG:
            result = as_result(::sendmsg(sqe.fd, sqe_pointer<msghdr>(sqe.addr), message_flags));
            break;
        default:
            break;
    }
    // Ready, and yet not now: the kernel would poll again on its own.
    if (result == -EAGAIN && !is_nonblocking(sqe.fd)) return std::nullopt;
    return result;
}

std::optional<int> SimBackend::receive_selected(Request& request, std::uint32_t& flags) {
    const io_uring_buf* buffer = buffers_.front(request.sqe.buf_group);
    if (!buffer) {
        ++seen_.no_buffers;
        return -ENOBUFS;
    }
    std::size_t size = buffer->len;
    if (random_.chance(options_.short_permille)) size = 1 + random_.below(size);
    int fd = request.sqe.fd;
    // A pipe that polls readable has something, or its end: reading does not block.
    int result = as_result(request.sqe.opcode == IORING_OP_READ
                               ? ::read(fd, sqe_pointer<void>(buffer->addr), size)
                               : ::recv(fd, sqe_pointer<void>(buffer->addr), size, MSG_DONTWAIT));
    if (result == -EAGAIN) return std::nullopt;
    if (result < 0 || (result == 0 && random_.chance(500))) return result;
    flags = buffers_.take(request.sqe.buf_group);
    return result;
}

// ---- completions go out -------------------------------------------------------------------------

void SimBackend::post(std::uint64_t user_data, int result, std::uint32_t flags) {
    posting_.push_back({user_data, result, flags});
}

void SimBackend::flush() {
    while (!posting_.empty() && random_.chance(800)) {
        // Any of them may be next, but those of one request keep their order.
        std::uint64_t user_data = posting_[random_.below(posting_.size())].user_data;
        auto next = std::find_if(posting_.begin(), posting_.end(),
                                 [&](const Completion& entry) { return entry.user_data == user_data; });
        overflow_.push_back(*next);
        posting_.erase(next);
    }
    while (!overflow_.empty() && completions_.size() < options_.completions) {
        completions_.push_back(overflow_.front());
        overflow_.pop_front();
    }
    if (!overflow_.empty()) ++seen_.overflows;
}

Result<void> SimBackend::add_buffer_ring(const io_uring_buf_reg& ring) {
    return buffers_.add(ring);
}

void SimBackend::remove_buffer_ring(std::uint16_t group) noexcept {
    buffers_.remove(group);
}

}  // namespace urc
