// The container's terminal, whose master comes from the child. The caller's: caller.h.
//
// The child opens the multiplexer of its own devpts and the slave by TIOCGPTPEER, never by a path in the
// rootfs (CVE-2025-52565); the parent verifies what it got before it uses it or hands it on.
#pragma once

#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::terminal {

// Sets the size of `master`; zero rows or columns: untouched.
Result<void> set_size(int master, const spec::ConsoleSize& size);

// EINVAL unless `fd` is the master of a pseudo terminal: character device 5:2 on a devpts.
Result<void> verify_master(int fd);

// Hands `master` over; the body of the message is the terminal's name, as runc's receivers expect.
Result<void> send_console(int connection, int master);

}  // namespace urc::terminal
