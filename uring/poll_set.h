// PollSet: who waits for what on which descriptor, in one epoll(7).
//
// epoll knows a descriptor once; here any number of waiters share it, and it is registered with the events of
// all of them:
//
//   EPOLLONESHOT   as a rule. One event switches the registration off and lets all go that it concerns; who
//                  must wait on is added again. What is switched off stays in the set and costs nothing; if
//                  the number comes to name another file meanwhile, epoll says ENOENT and gets it anew.
//   EPOLLET        while there is a waiter that stays (a multishot poll): it hears of each change, and not
//                  again and again of a peer that has closed.
//
// Adding a waiter makes the kernel look at the descriptor at once, so nothing is missed between an attempt
// that failed and the wait.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc {

// One who waits: in at most one list, which it can leave by itself.
class PollWaiter {
public:
    PollWaiter() noexcept = default;
    PollWaiter(const PollWaiter&) = delete;
    PollWaiter& operator=(const PollWaiter&) = delete;

private:
    friend class PollSet;

    bool is_listed() const noexcept { return next_ != this; }
    void insert_before(PollWaiter& other) noexcept;
    void unlink() noexcept;

    PollWaiter* previous_ = this;
    PollWaiter* next_ = this;
    int fd_ = -1;
    short mask_ = 0;
    bool stays_ = false;
};

enum class Stay : bool { until_woken, until_removed };

class PollSet {
public:
    // Takes what is ready. The waiter has left the set, unless it stays until removed.
    class Handler {
    public:
        virtual void woken(PollWaiter& waiter, short events) noexcept = 0;

    protected:
        ~Handler() = default;
    };

    static Result<PollSet> create();

    // 0, or a negative errno: -EPERM for a file that is always ready (a regular one).
    int add(PollWaiter& waiter, int fd, short mask, Stay stay);
    // Fine for one that does not wait.
    void remove(PollWaiter& waiter) noexcept;

    // Waits, at most for `timeout` (without one: for ever; zero: only looks), and hands what is ready to
    // `handler`, who may add and remove as it likes. 0, or a negative errno: -EINTR.
    int wait(std::optional<std::chrono::nanoseconds> timeout, Handler& handler);

private:
    struct Watch {
        PollWaiter waiters;          // the head of a ring
        std::uint32_t armed = 0;     // what epoll reports now
        bool is_registered = false;  // as far as we know
    };

    explicit PollSet(Fd epoll) noexcept : epoll_(std::move(epoll)) {}
    int arm(Watch& watch, int fd) noexcept;
    void disarm(Watch& watch, int fd) noexcept;
    int ask_kernel(std::optional<std::chrono::nanoseconds> timeout) noexcept;
    void dispatch(int fd, short events, Handler& handler);

    Fd epoll_;
    bool has_pwait2_ = true;
    std::array<epoll_event, 64> events_;
    std::deque<Watch> watches_;  // by number of descriptor, and these are small; never moved
};

}  // namespace urc
