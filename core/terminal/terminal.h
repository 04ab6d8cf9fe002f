// Terminals: the caller's, put into raw mode and back; the container's, whose master comes from the child.
//
// The child opens the multiplexer of its own devpts and the slave by TIOCGPTPEER, never by a path in the
// rootfs (CVE-2025-52565); the parent verifies what it got before it uses it or hands it on.
#pragma once

#include <termios.h>

#include <string>

#include "core/spec/spec.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::terminal {

// Puts a terminal into raw mode (termios(3), cfmakeraw) for as long as it lives.
class RawMode {
public:
    RawMode() = default;
    // `fd` is borrowed and must stay open. A descriptor that is no terminal is left alone.
    static Result<RawMode> enter(int fd);
    RawMode(RawMode&& other) noexcept : fd_(std::exchange(other.fd_, -1)), before_(other.before_) {}
    RawMode& operator=(RawMode&& other) noexcept;
    ~RawMode() { restore(); }

    bool is_active() const { return fd_ >= 0; }
    void restore() noexcept;

private:
    int fd_ = -1;
    termios before_{};
};

// Sets the size of `master`; zero rows or columns: untouched.
Result<void> set_size(int master, const spec::ConsoleSize& size);

// Gives `master` the size of the terminal `from`. Nothing happens when `from` is none.
void copy_size(int from, int master);

// EINVAL unless `fd` is the master of a pseudo terminal: character device 5:2 on a devpts.
Result<void> verify_master(int fd);

// Hands `master` over; the body of the message is the terminal's name, as runc's receivers expect.
Result<void> send_console(int connection, int master);

}  // namespace urc::terminal
