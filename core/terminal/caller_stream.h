// The caller's standard streams, read and written without ever waiting inside a call: one that stands still
// (a full pipe, a terminal after ^S) must not keep signals from being forwarded. And without the caller
// noticing: O_NONBLOCK belongs to the open file description, which urc shares with the caller's shell and its
// other programs; set there, their reads and writes would fail with EAGAIN, even after urc has ended. So
//
//   a terminal, a pipe     is opened once more, by /proc/self/fd: a description of our own, with O_NONBLOCK
//   a socket               MSG_DONTWAIT
//   a file, /dev/null      as it is: it never waits
//   what cannot be opened  (a terminal of another user, after su) is polled, and then takes at most PIPE_BUF
//                          bytes, which a pipe with room has room for; only a ^S in that moment can make it
//                          wait
#pragma once

#include <cstddef>
#include <span>

#include "uring/fd.h"
#include "uring/loop.h"

namespace urc::terminal {

enum class Direction : bool { input, output };

class CallerStream {
public:
    // `fd` is borrowed and stays what the stream is about; nothing of it is changed.
    CallerStream(int fd, Direction direction);

    // To be polled.
    int get() const noexcept { return own_ ? own_.get() : fd_; }
    // Something that ends because its other side has said all: a pipe, a file, a socket. Not a terminal, not
    // /dev/null.
    bool is_finite() const noexcept { return is_finite_; }
    bool is_terminal() const noexcept { return is_terminal_; }

    // One read(2) or write(2), with EAGAIN in place of waiting; never SIGPIPE where that is blocked.
    // -1 and errno.
    ssize_t read(std::span<std::byte> buffer) const noexcept;
    ssize_t write(std::span<const std::byte> bytes) const noexcept;

private:
    enum class Kind : unsigned char { never_waits, socket, polled };

    bool would_wait(short events) const noexcept;

    int fd_;
    Fd own_;
    Kind kind_ = Kind::never_waits;
    bool is_finite_ = false;
    bool is_terminal_ = false;
};

// At least one byte; 0 at the end.
Task<std::size_t> read_some(Loop& loop, const CallerStream& in, std::span<std::byte> buffer);

// All of `rest`. Cancelled or failed, `rest` is what has not been written.
Task<void> write_rest(Loop& loop, const CallerStream& out, std::span<const std::byte>& rest);

}  // namespace urc::terminal
