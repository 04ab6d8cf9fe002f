#include "uring/request.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>

#include "uring/backend.h"
#include "uring/check.h"

namespace urc {

std::chrono::nanoseconds sqe_time(const io_uring_sqe& sqe) noexcept {
    const auto* time = sqe_pointer<const __kernel_timespec>(sqe.addr);
    return std::chrono::seconds(time->tv_sec) + std::chrono::nanoseconds(time->tv_nsec);
}

short wait_mask(const io_uring_sqe& sqe) noexcept {
    switch (sqe.opcode) {
        case IORING_OP_POLL_ADD:
            return static_cast<short>(sqe.poll32_events);
        case IORING_OP_WRITE:
        case IORING_OP_SEND:
        case IORING_OP_SENDMSG:
        case IORING_OP_CONNECT:
            return POLLOUT;
        default:
            return POLLIN;
    }
}

bool is_multishot(const io_uring_sqe& sqe) noexcept {
    if (sqe.opcode == IORING_OP_ACCEPT) return sqe.ioprio & IORING_ACCEPT_MULTISHOT;
    if (sqe.opcode == IORING_OP_RECV) return sqe.ioprio & IORING_RECV_MULTISHOT;
    return sqe.opcode == IORING_OP_POLL_ADD && (sqe.len & IORING_POLL_ADD_MULTI);
}

bool ends_multishot(const io_uring_sqe& sqe, int result) noexcept {
    return result < 0 || (result == 0 && sqe.opcode == IORING_OP_RECV);
}

bool breaks_chain(const io_uring_sqe& sqe, int result) noexcept {
    bool is_transfer =
        sqe.opcode == IORING_OP_READ || sqe.opcode == IORING_OP_WRITE || sqe.opcode == IORING_OP_SEND;
    return result < 0 || (is_transfer && static_cast<unsigned>(result) < sqe.len);
}

int as_result(ssize_t result) noexcept {
    return result < 0 ? -errno : static_cast<int>(result);
}

short ready_events(int fd, short events) noexcept {
    // poll(2) passes over negative numbers.
    if (fd < 0) return POLLNVAL;
    pollfd entry{fd, events, 0};
    return ::poll(&entry, 1, 0) > 0 ? entry.revents : short{0};
}

bool is_nonblocking(int fd) noexcept {
    return ::fcntl(fd, F_GETFL) & O_NONBLOCK;
}

Result<void> ProvidedBuffers::add(const io_uring_buf_reg& ring) {
    if (find(ring.bgid)) return Error(EEXIST, "io_uring_register", "buffer ring");
    groups_.push_back({sqe_pointer<io_uring_buf_ring>(ring.ring_addr), ring.ring_entries, ring.bgid, 0});
    return {};
}

void ProvidedBuffers::remove(std::uint16_t group) noexcept {
    std::erase_if(groups_, [&](const Group& entry) { return entry.id == group; });
}

const ProvidedBuffers::Group* ProvidedBuffers::find(std::uint16_t group) const noexcept {
    for (const Group& entry : groups_) {
        if (entry.id == group) return &entry;
    }
    return nullptr;
}

const io_uring_buf* ProvidedBuffers::front(std::uint16_t group) const noexcept {
    const Group* found = find(group);
    if (!found || found->head == found->ring->tail) return nullptr;
    return &found->ring->bufs[found->head & (found->entries - 1)];
}

std::uint32_t ProvidedBuffers::take(std::uint16_t group) noexcept {
    const io_uring_buf* buffer = front(group);
    URC_CHECK(buffer);
    ++const_cast<Group*>(find(group))->head;
    return IORING_CQE_F_BUFFER | static_cast<std::uint32_t>(buffer->bid) << IORING_CQE_BUFFER_SHIFT;
}

}  // namespace urc
