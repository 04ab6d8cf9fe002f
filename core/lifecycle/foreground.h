// The foreground of `run` and `exec`: one child, for which this process stands in until it ends.
//
//          signals of the caller ----> forward_signals ----> process     (pidfd_send_signal)
//   SIGCHLD of adopted orphans   ----> reap_orphans
//   terminal, if there is one   <---> Relay (core/terminal/relay.h)
//                    process ends ----> what the terminal still holds, then its status is ours
//
// With a terminal of its own the process is not stopped along with us: SIGTSTP, SIGTTIN, SIGTTOU and SIGCONT
// are then about urc and the caller's terminal (core/terminal/caller.h), all others about the process.
#pragma once

#include <sys/types.h>

#include <memory>

#include "core/log.h"
#include "uring/ops_process.h"
#include "uring/result.h"

namespace urc::monitor {
class Attendant;
}

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
        int pidfd = -1;  // borrowed
        Fd terminal{};   // the master, or none. The caller's is in raw mode while the process runs
        monitor::Attendant* attendant = nullptr;  // goes on beside it; borrowed
    };

    // Waits for the end of `process`, our child, and reaps it; its exit status, 128 + n for signal n. On
    // error the process may still run.
    Result<int> attend(Attended process);

    // The loop, made now if it is not there yet: for those who need it before there is a process.
    Result<Loop*> loop();

private:
    Foreground(const Log& log, SignalFd signals) : log_(&log), signals_(std::move(signals)) {}
    Result<siginfo_t> await_end(Attended& process);

    const Log* log_;
    SignalFd signals_;
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<Loop> loop_;  // behind its backend, which outlives it
};

}  // namespace urc
