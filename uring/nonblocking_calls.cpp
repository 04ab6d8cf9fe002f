#include "uring/nonblocking_calls.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "uring/backend.h"

namespace urc {
namespace {

std::optional<Outcome> unless_again(int result) noexcept {
    if (result == -EAGAIN) return std::nullopt;
    return Outcome{result, 0};
}

// ENOSYS, EPERM: a seccomp filter that does not know the call. The plain call tells what is behind an EPERM.
bool knows_no_nowait(int result) noexcept {
    return result == -EOPNOTSUPP || result == -ENOSYS || result == -EPERM;
}

int poll_now(const io_uring_sqe& sqe) noexcept {
    short ready = ready_events(sqe.fd, wait_mask(sqe));
    if (ready & POLLNVAL) return -EBADF;
    return ready ? ready : -EAGAIN;
}

int accept_now(const io_uring_sqe& sqe) noexcept {
    if (!ready_events(sqe.fd, POLLIN)) return -EAGAIN;
    auto* address = sqe_pointer<sockaddr>(sqe.addr);
    int flags = static_cast<int>(sqe.accept_flags);
    return as_result(::accept4(sqe.fd, address, sqe_pointer<socklen_t>(sqe.addr2), flags));
}

// A socket that is being connected is nobody else's yet, so nobody sees that it does not block for a moment.
int connect_without_waiting(int fd, const sockaddr* address, socklen_t size) noexcept {
    int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    if (!(flags & O_NONBLOCK)) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    int result = as_result(::connect(fd, address, size));
    if (!(flags & O_NONBLOCK)) ::fcntl(fd, F_SETFL, flags);
    return result;
}

int connect_now(EpollRequest& request) noexcept {
    const io_uring_sqe& sqe = request.sqe;
    if (!request.is_connecting) {
        int result = connect_without_waiting(sqe.fd, sqe_pointer<const sockaddr>(sqe.addr),
                                             static_cast<socklen_t>(sqe.off));
        request.is_connecting = result == -EINPROGRESS || result == -EINTR;
        return request.is_connecting ? -EAGAIN : result;
    }
    if (!ready_events(sqe.fd, POLLOUT)) return -EAGAIN;
    int code = 0;
    socklen_t size = sizeof code;
    return ::getsockopt(sqe.fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? -errno : -code;
}

int wait_now(const io_uring_sqe& sqe) noexcept {
    // Only a pidfd can be waited for in an epoll.
    if (sqe.len != P_PIDFD) return -EINVAL;
    siginfo_t info{};
    int result = as_result(
        ::waitid(P_PIDFD, static_cast<id_t>(sqe.fd), &info, static_cast<int>(sqe.file_index) | WNOHANG));
    if (result == 0 && info.si_pid == 0) return -EAGAIN;
    if (result == 0 && sqe.addr2 != 0) *sqe_pointer<siginfo_t>(sqe.addr2) = info;
    return result;
}

}  // namespace

std::optional<Outcome> NonblockingCalls::attempt(EpollRequest& request) noexcept {
    const io_uring_sqe& sqe = request.sqe;
    auto* bytes = sqe_pointer<void>(sqe.addr);
    int flags = static_cast<int>(sqe.msg_flags) | MSG_DONTWAIT;
    switch (sqe.opcode) {
        case IORING_OP_NOP:
            return Outcome{0, 0};
        case IORING_OP_READ:
        case IORING_OP_RECV:
            return receive(sqe);
        case IORING_OP_WRITE:
            return unless_again(write_now(sqe.fd, bytes, sqe.len));
        case IORING_OP_SEND:
            return unless_again(as_result(::send(sqe.fd, bytes, sqe.len, flags)));
        case IORING_OP_SENDMSG:
            return unless_again(as_result(::sendmsg(sqe.fd, static_cast<msghdr*>(bytes), flags)));
        case IORING_OP_RECVMSG:
            return unless_again(as_result(::recvmsg(sqe.fd, static_cast<msghdr*>(bytes), flags)));
        case IORING_OP_ACCEPT:
            return unless_again(accept_now(sqe));
        case IORING_OP_CONNECT:
            return unless_again(connect_now(request));
        case IORING_OP_POLL_ADD:
            return unless_again(poll_now(sqe));
        case kOpWaitid:
            return unless_again(wait_now(sqe));
        default:
            return Outcome{-EINVAL, 0};
    }
}

Outcome NonblockingCalls::attempt_ready(EpollRequest& request) noexcept {
    const io_uring_sqe& sqe = request.sqe;
    bool is_selecting = sqe.flags & IOSQE_BUFFER_SELECT;
    if (sqe.opcode == IORING_OP_READ && !is_selecting)
        return {as_result(::read(sqe.fd, sqe_pointer<void>(sqe.addr), sqe.len)), 0};
    if (sqe.opcode == IORING_OP_WRITE)
        return {as_result(::write(sqe.fd, sqe_pointer<void>(sqe.addr), sqe.len)), 0};
    // It will never have what has been asked for.
    return attempt(request).value_or(Outcome{-EINVAL, 0});
}

std::optional<Outcome> NonblockingCalls::receive(const io_uring_sqe& sqe) noexcept {
    auto* bytes = sqe_pointer<void>(sqe.addr);
    std::size_t size = sqe.len;
    bool is_selecting = sqe.flags & IOSQE_BUFFER_SELECT;
    if (is_selecting) {
        const io_uring_buf* buffer = buffers_.front(sqe.buf_group);
        if (!buffer) return Outcome{-ENOBUFS, 0};
        bytes = sqe_pointer<void>(buffer->addr);
        size = size == 0 ? buffer->len : std::min<std::size_t>(size, buffer->len);
    }
    int flags = static_cast<int>(sqe.msg_flags) | MSG_DONTWAIT;
    int result = sqe.opcode == IORING_OP_READ ? read_now(sqe.fd, bytes, size)
                                              : as_result(::recv(sqe.fd, bytes, size, flags));
    if (!is_selecting || result <= 0) return unless_again(result);
    return Outcome{result, buffers_.take(sqe.buf_group)};
}

int NonblockingCalls::read_now(int fd, void* bytes, std::size_t size) const noexcept {
    if (has_nowait_) {
        iovec part{bytes, size};
        int result = as_result(::preadv2(fd, &part, 1, -1, RWF_NOWAIT));
        if (!knows_no_nowait(result)) return result;
    }
    if (!ready_events(fd, POLLIN)) return -EAGAIN;
    return as_result(::read(fd, bytes, size));
}

int NonblockingCalls::write_now(int fd, const void* bytes, std::size_t size) const noexcept {
    if (has_nowait_) {
        iovec part{const_cast<void*>(bytes), size};
        int result = as_result(::pwritev2(fd, &part, 1, -1, RWF_NOWAIT));
        if (!knows_no_nowait(result)) return result;
    }
    if (!ready_events(fd, POLLOUT)) return -EAGAIN;
    return as_result(::write(fd, bytes, is_nonblocking(fd) ? size : std::min<std::size_t>(size, PIPE_BUF)));
}

}  // namespace urc
