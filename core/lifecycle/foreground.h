// The foreground of `run` and `exec`: one child, for which this process stands in until it ends.
//
//          signals of the caller ----> forward_signals ----> process     (pidfd_send_signal)
//   SIGCHLD of adopted orphans   ----> reap_orphans
//   terminal, if there is one   <--> relay_input, relay_output (core/terminal/relay.h)
//                    process ends ----> its status is ours
#pragma once

#include <sys/types.h>

#include "core/log.h"
#include "uring/ops_process.h"
#include "uring/result.h"

namespace urc {

enum class Subreaper : unsigned char { no, yes };

class Foreground {
public:
    // Before the process is there: a signal that arrives from now on is kept, and forwarded as soon as that
    // can be. As a subreaper we inherit what the process leaves behind; not becoming one is only a warning.
    // ENOMEM when a limit (RLIMIT_AS, RLIMIT_DATA) leaves no room for the loop.
    static Result<Foreground> enter(const Log& log, Subreaper subreaper);

    struct Attended {
        pid_t pid = 0;
        int pidfd = -1;     // borrowed, like the terminal
        int terminal = -1;  // the master; -1: none. Ours is in raw mode while the process runs
    };

    // Waits for the end of `process`, our child, and reaps it; its exit status, 128 + n for signal n. On
    // error the process may still run.
    Result<int> attend(const Attended& process);

private:
    Foreground(const Log& log, SignalFd signals) : log_(&log), signals_(std::move(signals)) {}
    Result<siginfo_t> await_end(const Attended& process);

    const Log* log_;
    SignalFd signals_;
};

}  // namespace urc
