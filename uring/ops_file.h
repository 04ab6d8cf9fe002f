// Operations on any descriptor: read, write, poll; and nop.
//
// read() and write() are the kernel's: they wait for pipes, sockets, eventfds without a worker thread. A file
// that knows no non-blocking mode would be handed to one: regular files and most of /proc, for which file.h
// has plain calls, and terminals on some older kernels, for which there is read_polled(). Buffers are
// borrowed until the operation is over.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "uring/loop.h"

namespace urc {

// The kernel moves at most this much at once (MAX_RW_COUNT), so longer buffers take several goes.
inline constexpr std::size_t kTransferMax = 0x7ffff000;

inline unsigned transfer_size(std::size_t size) noexcept {
    return static_cast<unsigned>(std::min(size, kTransferMax));
}

class [[nodiscard]] Nop final : public Awaitable<Nop, Operation> {
public:
    explicit Nop(Loop& loop) noexcept : Awaitable(loop) {}
    void take() const noexcept {}

private:
    void prepare(io_uring_sqe& sqe) noexcept override { io_uring_prep_nop(&sqe); }
    const char* step() const noexcept override { return "nop"; }
};

class [[nodiscard]] Read final : public Awaitable<Read, FdOperation> {
public:
    Read(Loop& loop, int fd, std::span<std::byte> buffer) noexcept
        : Awaitable(loop, fd, POLLIN), buffer_(buffer) {}
    std::size_t take() const noexcept { return static_cast<std::size_t>(result_); }

private:
    void prepare_call(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_read(&sqe, fd_, buffer_.data(), transfer_size(buffer_.size()), ~0ULL);
    }
    const char* step() const noexcept override { return "read"; }

    std::span<std::byte> buffer_;
};

enum class Extent : bool { some, all };

class [[nodiscard]] Write final : public Awaitable<Write, FdOperation> {
public:
    Write(Loop& loop, int fd, std::span<const std::byte> bytes, Extent extent) noexcept
        : Awaitable(loop, fd, POLLOUT), bytes_(bytes), extent_(extent) {}
    std::size_t take() const noexcept { return done_; }

private:
    void prepare_call(io_uring_sqe& sqe) noexcept override {
        auto rest = bytes_.subspan(done_);
        io_uring_prep_write(&sqe, fd_, rest.data(), transfer_size(rest.size()), ~0ULL);
    }
    bool again_call(int& result) noexcept override {
        if (result < 0) return result == -EINTR;
        done_ += static_cast<std::size_t>(result);
        if (extent_ == Extent::some || done_ == bytes_.size()) return false;
        // A device that takes nothing and gives no reason would keep us here for ever.
        if (result == 0) result = -EIO;
        return result > 0;
    }
    const char* step() const noexcept override { return "write"; }

    std::span<const std::byte> bytes_;
    std::size_t done_ = 0;
    Extent extent_;
};

// Waits for any of `events` (POLLIN, ...); its value is what came, POLLHUP and POLLERR included.
class [[nodiscard]] Poll final : public Awaitable<Poll, Operation> {
public:
    Poll(Loop& loop, int fd, unsigned events) noexcept : Awaitable(loop), fd_(fd), events_(events) {}
    unsigned take() const noexcept { return static_cast<unsigned>(result_); }

private:
    void prepare(io_uring_sqe& sqe) noexcept override { io_uring_prep_poll_add(&sqe, fd_, events_); }
    bool again(int& result) noexcept override { return is_poll_again(result); }
    const char* step() const noexcept override { return "poll"; }

    int fd_;
    unsigned events_;
};

class [[nodiscard]] ReadPolled final : public Awaitable<ReadPolled, PolledOperation> {
public:
    ReadPolled(Loop& loop, int fd, std::span<std::byte> buffer) noexcept
        : Awaitable(loop, fd, POLLIN), buffer_(buffer) {}
    std::size_t take() const noexcept { return static_cast<std::size_t>(result_); }

private:
    int call() noexcept override {
        ssize_t count = ::read(fd_, buffer_.data(), transfer_size(buffer_.size()));
        return count < 0 ? -errno : static_cast<int>(count);
    }
    const char* step() const noexcept override { return "read"; }

    std::span<std::byte> buffer_;
};

inline Nop nop(Loop& loop) noexcept {
    return Nop(loop);
}

// At most buffer.size() bytes; 0 at the end.
inline Read read(Loop& loop, int fd, std::span<std::byte> buffer) noexcept {
    return Read(loop, fd, buffer);
}

// read(2) once poll says there is something. Another reader of the same file could make it block.
inline ReadPolled read_polled(Loop& loop, int fd, std::span<std::byte> buffer) noexcept {
    return ReadPolled(loop, fd, buffer);
}

// All bytes, however many goes it takes. When it fails or is cancelled, some may have been written.
inline Write write(Loop& loop, int fd, std::span<const std::byte> bytes) noexcept {
    return Write(loop, fd, bytes, Extent::all);
}
inline Write write(Loop& loop, int fd, std::string_view text) noexcept {
    return Write(loop, fd, std::as_bytes(std::span(text)), Extent::all);
}
// As many as fit now, at least one.
inline Write write_some(Loop& loop, int fd, std::span<const std::byte> bytes) noexcept {
    return Write(loop, fd, bytes, Extent::some);
}

inline Poll poll(Loop& loop, int fd, unsigned events) noexcept {
    return Poll(loop, fd, events);
}

}  // namespace urc
