// Backend: the seam between the loop and whoever completes its requests. Three things cross it:
//
//   has_room / next   queue requests (an io_uring_sqe is the language, whoever reads it)
//   submit / wait     hand them over; wait for at least one completion
//   reap              take completions out, as many as fit; nothing else happens in there
//
// Ring (ring.h) speaks to the kernel; EpollBackend (epoll_backend.h) is for hosts without io_uring, and
// open_backend.h chooses. tests/sim/ has one that draws the order, the errors and the clock from a seed. So
// nothing above this file may assume a ring, and what only some backends can do is asked for with supports().
#pragma once

#include <liburing.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "uring/result.h"

namespace urc {

// One CQE. `flags` keeps the kernel's IORING_CQE_F_* meaning.
struct Completion {
    std::uint64_t user_data = 0;
    std::int32_t result = 0;
    std::uint32_t flags = 0;
};

class Backend {
public:
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    virtual ~Backend() = default;

    // For logs: "io_uring", "epoll".
    virtual const char* name() const noexcept = 0;

    // True when `count` requests can be queued before the next submit. Never true above the queue's size.
    virtual bool has_room(unsigned count) const noexcept = 0;
    // The next request to fill in; only after has_room(1). Its fields are not cleared.
    virtual io_uring_sqe& next() noexcept = 0;

    // Hands over all that is queued and lets finished work be posted; does not wait. 0 or a negative errno:
    // -EINTR, -EAGAIN and -EBUSY mean "reap, then try again".
    virtual int submit() noexcept = 0;
    // The same, and waits until there is at least one completion.
    virtual int wait() noexcept = 0;

    // Moves up to into.size() completions out and returns their number.
    virtual std::size_t reap(std::span<Completion> into) noexcept = 0;

    // Whether requests with this IORING_OP_* number can be queued.
    virtual bool supports(unsigned opcode) const noexcept = 0;

    // The clock of absolute timeouts: CLOCK_MONOTONIC, or simulated time.
    virtual std::chrono::nanoseconds now() const noexcept = 0;

    // A ring of provided buffers (IORING_REGISTER_PBUF_RING); the memory stays the caller's until removed.
    virtual Result<void> add_buffer_ring(const io_uring_buf_reg& ring) = 0;
    virtual void remove_buffer_ring(std::uint16_t group) noexcept = 0;
};

// Numbers that liburing 2.3's header does not have yet. supports() says if the kernel does.
inline constexpr unsigned kOpReadMultishot = 49;
inline constexpr unsigned kOpWaitid = 50;

}  // namespace urc
