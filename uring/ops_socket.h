// Operations on sockets: accept, connect, recv, send, recvmsg, sendmsg. Nothing here raises SIGPIPE;
// every descriptor that comes in is close-on-exec.
//
// For many connections or many small reads, see AcceptStream and RecvStream (stream.h).
#pragma once

#include <sys/socket.h>

#include <cstring>

#include "uring/fd.h"
#include "uring/message.h"
#include "uring/ops_file.h"

namespace urc {

class [[nodiscard]] Accept final : public Awaitable<Accept, FdOperation> {
public:
    Accept(Loop& loop, int listener) noexcept : Awaitable(loop, listener, POLLIN) {}
    Fd take() const noexcept { return Fd(result_); }

private:
    void prepare_call(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_accept(&sqe, fd_, nullptr, nullptr, SOCK_CLOEXEC);
    }
    const char* step() const noexcept override { return "accept"; }
};

class [[nodiscard]] Connect final : public Awaitable<Connect, Operation> {
public:
    Connect(Loop& loop, int socket, const sockaddr* address, socklen_t size) noexcept
        : Awaitable(loop), fd_(socket), size_(size) {
        URC_CHECK(size <= sizeof address_);
        std::memcpy(&address_, address, size);
    }
    void take() const noexcept {}

private:
    void prepare(io_uring_sqe& sqe) noexcept override {
        if (is_under_way_) {
            io_uring_prep_poll_add(&sqe, fd_, POLLOUT);
        } else {
            io_uring_prep_connect(&sqe, fd_, reinterpret_cast<const sockaddr*>(&address_), size_);
        }
    }
    bool again(int& result) noexcept override {
        if (!is_under_way_) {
            // connect(2): interrupted or non-blocking, it goes on by itself and poll says when it is done.
            is_under_way_ = result == -EINPROGRESS || result == -EINTR || result == -EALREADY;
            return is_under_way_;
        }
        if (result < 0) return result == -EINTR;
        int code = 0;
        socklen_t size = sizeof code;
        result = ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? -errno : -code;
        return false;
    }
    const char* step() const noexcept override { return "connect"; }

    int fd_;
    socklen_t size_;
    bool is_under_way_ = false;
    sockaddr_storage address_;
};

class [[nodiscard]] Recv final : public Awaitable<Recv, FdOperation> {
public:
    Recv(Loop& loop, int socket, std::span<std::byte> buffer, int flags) noexcept
        : Awaitable(loop, socket, POLLIN), buffer_(buffer), flags_(flags) {}
    std::size_t take() const noexcept { return static_cast<std::size_t>(result_); }

private:
    void prepare_call(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_recv(&sqe, fd_, buffer_.data(), transfer_size(buffer_.size()), flags_);
    }
    const char* step() const noexcept override { return "recv"; }

    std::span<std::byte> buffer_;
    int flags_;
};

class [[nodiscard]] Send final : public Awaitable<Send, FdOperation> {
public:
    Send(Loop& loop, int socket, std::span<const std::byte> bytes, Extent extent) noexcept
        : Awaitable(loop, socket, POLLOUT), bytes_(bytes), extent_(extent) {}
    std::size_t take() const noexcept { return done_; }

private:
    void prepare_call(io_uring_sqe& sqe) noexcept override {
        auto rest = bytes_.subspan(done_);
        io_uring_prep_send(&sqe, fd_, rest.data(), transfer_size(rest.size()), MSG_NOSIGNAL);
    }
    bool again_call(int& result) noexcept override {
        if (result < 0) return result == -EINTR;
        done_ += static_cast<std::size_t>(result);
        return extent_ == Extent::all && done_ < bytes_.size();
    }
    const char* step() const noexcept override { return "send"; }

    std::span<const std::byte> bytes_;
    std::size_t done_ = 0;
    Extent extent_;
};

class [[nodiscard]] RecvMsg final : public Awaitable<RecvMsg, FdOperation> {
public:
    RecvMsg(Loop& loop, int socket, InMessage& message) noexcept
        : Awaitable(loop, socket, POLLIN), message_(message) {}
    std::size_t take() {
        message_.received(static_cast<std::size_t>(result_));
        return message_.data().size();
    }

private:
    void prepare_call(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_recvmsg(&sqe, fd_, &message_.header_to_fill(), MSG_CMSG_CLOEXEC);
    }
    const char* step() const noexcept override { return "recvmsg"; }

    InMessage& message_;
};

class [[nodiscard]] SendMsg final : public Awaitable<SendMsg, FdOperation> {
public:
    SendMsg(Loop& loop, int socket, OutMessage& message) noexcept
        : Awaitable(loop, socket, POLLOUT), message_(message) {}
    std::size_t take() const noexcept { return static_cast<std::size_t>(result_); }

private:
    void prepare_call(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_sendmsg(&sqe, fd_, &message_.header(), MSG_NOSIGNAL);
    }
    const char* step() const noexcept override { return "sendmsg"; }

    OutMessage& message_;
};

inline Accept accept(Loop& loop, int listener) noexcept {
    return Accept(loop, listener);
}

// The address is copied.
inline Connect connect(Loop& loop, int socket, const sockaddr* address, socklen_t size) noexcept {
    return Connect(loop, socket, address, size);
}

// At most buffer.size() bytes; 0 when the peer has closed. `flags` are MSG_*.
inline Recv recv(Loop& loop, int socket, std::span<std::byte> buffer, int flags = 0) noexcept {
    return Recv(loop, socket, buffer, flags);
}

// All bytes, however many goes it takes.
inline Send send(Loop& loop, int socket, std::span<const std::byte> bytes) noexcept {
    return Send(loop, socket, bytes, Extent::all);
}
inline Send send(Loop& loop, int socket, std::string_view text) noexcept {
    return Send(loop, socket, std::as_bytes(std::span(text)), Extent::all);
}
inline Send send_some(Loop& loop, int socket, std::span<const std::byte> bytes) noexcept {
    return Send(loop, socket, bytes, Extent::some);
}

// One message with its descriptors. 0 bytes without descriptors: the peer has closed.
inline RecvMsg recvmsg(Loop& loop, int socket, InMessage& message) noexcept {
    return RecvMsg(loop, socket, message);
}
// Descriptors travel with the first byte; on a stream socket fewer bytes than given may be sent.
inline SendMsg sendmsg(Loop& loop, int socket, OutMessage& message) noexcept {
    return SendMsg(loop, socket, message);
}

}  // namespace urc
