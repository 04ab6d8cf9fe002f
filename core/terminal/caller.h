// The caller's terminal while the container has one of its own: raw, so that every key is a byte for the
// program inside, and given back on every way out.
//
//            ^Z, ^C          bytes; what they mean is decided by the container's own terminal
//   kill -TSTP urc           (TTIN, TTOU too) the terminal is given back, urc stops; the container goes on
//   until
//                            what it writes fills its terminal
//   fg, kill -CONT urc       raw again, with the size of now
//   urc run ... &            stops like every program that wants the terminal (SIGTTOU), until `fg`
//   an orphan in background  (its shell has gone; or SIGTTOU is ignored) cannot be stopped: goes on, with no
//                            terminal of its own to read
//
// The modes are never touched from the background, where they are the shell's: the signals that would
// keep us from it are blocked (foreground.h), so the kernel would let us. Only SIGKILL leaves the terminal
// raw.
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <optional>

#include "uring/result.h"

namespace urc::terminal {

class Caller {
public:
    struct Streams {
        int in = 0, out = 1, err = 2;
    };
    // They are borrowed. Nothing is changed yet.
    explicit Caller(const Streams& streams) : streams_(streams) {}
    Caller() : Caller(Streams()) {}
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;
    ~Caller() { give_back(); }

    const Streams& streams() const noexcept { return streams_; }

    // stdin into raw mode (termios(3), cfmakeraw), again if need be. Until it is given back, faults of ours
    // have a handler, so there is one Caller at a time that has taken anything. Nothing happens when it is no
    // terminal, or while we are in its background.
    Result<void> take();
    void give_back() noexcept;

    // Whether stdin is our controlling terminal and another process group has it.
    bool is_in_background() const noexcept;

    // Gives the terminal back, has the blocked `signal` (SIGTSTP, SIGTTIN, SIGTTOU) do what it does to
    // others, and takes the terminal again, if it is ours then.
    Result<void> stop(int signal);

    // The size of the first stream that is a terminal and knows its size.
    std::optional<winsize> size() const noexcept;

private:
    Streams streams_;
    bool is_raw_ = false;
    termios before_{};
};

}  // namespace urc::terminal
