// EpollRequest: one request of the backend on epoll, from next() to its last completion; where requests come
// from, and how a cancel finds one that waits. Nothing is allocated for a request: those that have ended are
// used again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "uring/poll_set.h"
#include "uring/request.h"
#include "uring/timer_queue.h"

namespace urc {

// io_uring_sqe ends in a zero-size array; nothing here uses it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
struct EpollRequest : PollWaiter, Timer {
    EpollRequest* linked = nullptr;     // the next of its chain; in the pool: the next that is free
    EpollRequest* neighbour = nullptr;  // in WaitingRequests
    std::uint64_t timeout_user_data = 0;
    std::chrono::nanoseconds deadline{};  // of the LINK_TIMEOUT behind it
    bool has_deadline = false;
    bool is_waiting = false;     // a cancel finds it
    bool is_connecting = false;  // connect(2) goes on by itself
    io_uring_sqe sqe{};
};
#pragma GCC diagnostic pop

class RequestPool {
public:
    EpollRequest& take();
    void give_back(EpollRequest& request) noexcept;

private:
    std::deque<EpollRequest> all_;
    EpollRequest* free_ = nullptr;
};

// Requests by their user_data: a hash table that is linked through them.
class WaitingRequests {
public:
    void add(EpollRequest& request);
    // Fine for one that does not wait.
    void remove(EpollRequest& request) noexcept;
    EpollRequest* find(std::uint64_t user_data) const noexcept;

private:
    std::size_t place(std::uint64_t user_data) const noexcept;
    void grow();

    std::vector<EpollRequest*> table_ = std::vector<EpollRequest*>(64);  // its size is a power of two
    std::size_t count_ = 0;
};

}  // namespace urc
