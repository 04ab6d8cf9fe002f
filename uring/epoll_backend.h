// EpollBackend: the Backend on epoll(7), for hosts where io_uring is switched off.
//
// It reads the same requests as the kernel would and answers as the kernel does (backend.h). A request is
// tried at once, with a call that does not wait (nonblocking_calls.h); what cannot be done yet waits in one
// epoll (poll_set.h), and for its time (timer_queue.h):
//
//   submit --> chain: head --> attempt --done--> completion, then the next of the chain (or its end)
//                                 |    `-not yet--> PollSet + TimerQueue + by user_data, for a cancel
//                                 ^                      |
//                                 `-------- woken -------'
//
// What has been cancelled is over at once, so a cancel answers 0 or ENOENT here, never EALREADY.
#pragma once

#include <bitset>
#include <memory>
#include <vector>

#include "uring/backend.h"
#include "uring/epoll_request.h"
#include "uring/nonblocking_calls.h"

namespace urc {

struct EpollOptions {
    // Requests per submit.
    unsigned requests = 128;
    // Opcodes that supports() shall deny: lets tests walk the fallbacks.
    std::bitset<256> without_opcodes;
    // Do as if the kernel knew RWF_NOWAIT for nothing.
    bool without_nowait = false;
};

class EpollBackend final : public Backend, private PollSet::Handler {
public:
    static Result<std::unique_ptr<EpollBackend>> create(const EpollOptions& options = EpollOptions());

    const char* name() const noexcept override { return "epoll"; }
    bool has_room(unsigned count) const noexcept override { return queue_size_ - queue_.size() >= count; }
    io_uring_sqe& next() noexcept override;
    int submit() noexcept override;
    int wait() noexcept override;
    std::size_t reap(std::span<Completion> into) noexcept override;
    bool supports(unsigned opcode) const noexcept override { return opcodes_.test(opcode & 255); }
    std::chrono::nanoseconds now() const noexcept override;
    Result<void> add_buffer_ring(const io_uring_buf_reg& ring) override { return calls_.buffers().add(ring); }
    void remove_buffer_ring(std::uint16_t group) noexcept override { calls_.buffers().remove(group); }

    // How often a request has been woken: a test can tell that nothing runs in circles.
    std::size_t wakeups() const noexcept { return wakeups_; }

private:
    EpollBackend(const EpollOptions& options, PollSet poll_set);

    void accept_queue() noexcept;
    int look(bool may_wait) noexcept;
    void strike_timers() noexcept;
    void woken(PollWaiter& waiter, short events) noexcept override;

    // Carries on with a request, and then with its chain, until one must wait.
    void run(EpollRequest* request) noexcept;
    std::optional<Outcome> advance(EpollRequest& request) noexcept;
    std::optional<Outcome> wait_for(EpollRequest& request) noexcept;
    std::optional<Outcome> wait_for_time(EpollRequest& request) noexcept;
    void try_later(EpollRequest& request) noexcept;
    void note_waiting(EpollRequest& request) noexcept;
    // Posts the last completion. Returns the next of the chain, to be run.
    EpollRequest* end(EpollRequest& request, Outcome outcome) noexcept;
    void post_end(EpollRequest& request, Outcome outcome) noexcept;
    int cancel(const io_uring_sqe& sqe) noexcept;
    void post(std::uint64_t user_data, Outcome outcome) noexcept;

    unsigned queue_size_;
    std::bitset<256> opcodes_;
    NonblockingCalls calls_;
    PollSet poll_set_;
    TimerQueue timers_;
    RequestPool pool_;
    WaitingRequests waiting_;
    std::vector<EpollRequest*> queue_;
    std::vector<Completion> completions_;
    std::size_t reaped_ = 0;  // of completions_
    int turns_without_look_ = 0;
    std::size_t wakeups_ = 0;
};

}  // namespace urc
