// What a request says: an io_uring_sqe read by a backend that carries it out itself, instead of the kernel.
// Shared by the backend on epoll and by the simulated one.
#pragma once

#include <liburing.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "uring/result.h"

namespace urc {

template <typename T>
T* sqe_pointer(std::uint64_t address) noexcept {
    return reinterpret_cast<T*>(address);
}

// The time of a TIMEOUT or a LINK_TIMEOUT.
std::chrono::nanoseconds sqe_time(const io_uring_sqe& sqe) noexcept;

// The events (POLLIN, ...) to wait for when the request cannot be carried out now.
short wait_mask(const io_uring_sqe& sqe) noexcept;

bool is_multishot(const io_uring_sqe& sqe) noexcept;
// Whether this result is a multishot request's last one: an error, or the end of what is received.
bool ends_multishot(const io_uring_sqe& sqe, int result) noexcept;
// Whether this result cancels the requests that are linked behind: an error or a short transfer.
bool breaks_chain(const io_uring_sqe& sqe, int result) noexcept;

// The result of a system call as a completion has it: negative errno.
int as_result(ssize_t result) noexcept;

// poll(2) without waiting: those of `events` that are there, POLLERR, POLLHUP and POLLNVAL always among them.
short ready_events(int fd, short events) noexcept;

bool is_nonblocking(int fd) noexcept;

// The kernel's end of the rings of provided buffers: takes at the head what BufferRing adds at the tail.
class ProvidedBuffers {
public:
    Result<void> add(const io_uring_buf_reg& ring);
    void remove(std::uint16_t group) noexcept;
    bool empty() const noexcept { return groups_.empty(); }

    // The next free buffer; nullptr when there is none, or no such group.
    const io_uring_buf* front(std::uint16_t group) const noexcept;
    // Hands out the buffer that front() has shown. Returns what the flags of the completion say of it.
    std::uint32_t take(std::uint16_t group) noexcept;

private:
    struct Group {
        io_uring_buf_ring* ring;
        unsigned entries;
        std::uint16_t id;
        std::uint16_t head;
    };
    const Group* find(std::uint16_t group) const noexcept;

    std::vector<Group> groups_;
};

}  // namespace urc
