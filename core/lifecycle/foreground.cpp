#include "core/lifecycle/foreground.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/monitor/attendant.h"
#include "core/process/orphans.h"
#include "core/signals.h"
#include "core/terminal/relay.h"
#include "uring/frame.h"
#include "uring/nursery.h"
#include "uring/open_backend.h"
#include "uring/race.h"

namespace urc {

namespace {

using Attended = Foreground::Attended;

// What the foreground has of terminals.
struct Terminals {
    terminal::Caller caller;
    terminal::Relay* relay = nullptr;
    bool is_told_to_end = false;  // since urc was last continued
};

bool has_ended(const Attended& process) {
    pollfd wait{process.pidfd, POLLIN, 0};
    return ::poll(&wait, 1, 0) != 0;
}

// SIGCONT. With `bg` we are still in the background, and stop again as everyone who wants the terminal does.
// `kill %1` sends SIGTERM and SIGCONT to a stopped job: that one must be let go to its end.
void go_on(const Attended& process, Terminals& terminals) {
    const bool is_told_to_end = std::exchange(terminals.is_told_to_end, false);
    const bool must_stop = terminals.caller.is_in_background() && !is_told_to_end && !has_ended(process);
    // A terminal that refuses its modes has gone; then SIGHUP follows, or the end of stdin.
    (void)(must_stop ? terminals.caller.stop(SIGTTOU) : terminals.caller.take());
    terminals.relay->resize();
    terminals.relay->wake_input();
}

// With a terminal, some signals are about our own. False: this one is for the process.
bool handle_for_terminal(unsigned signal, const Attended& process, Terminals& terminals) {
    switch (signal) {
        case SIGWINCH:
            terminals.relay->resize();
            return true;
        case SIGTSTP:
        case SIGTTIN:
        case SIGTTOU:
            (void)terminals.caller.stop(static_cast<int>(signal));
            return true;
        case SIGCONT:
            go_on(process, terminals);
            return true;
        case SIGHUP:
        case SIGINT:
        case SIGQUIT:
        case SIGTERM:
            terminals.is_told_to_end = true;
            return false;
        default:
            return false;
    }
}

void handle_signal(unsigned signal, const Attended& attended) {
    switch (signal) {
        case SIGCHLD:
            return process::reap_orphans(attended.pid);
        case SIGWINCH:
        case SIGPIPE:  // ours: a log that nobody reads
        case SIGURG:
            return;
        default:
            // ESRCH: it has just ended, and await_end is about to say so.
            ::syscall(SYS_pidfd_send_signal, attended.pidfd, signal, nullptr, 0);
    }
}

Task<void> forward_signals(Loop& loop, const SignalFd& signals, const Attended& process,
                           Terminals* terminals) {
    for (;;) {
        auto signal = co_await signals.next(loop);
        const bool is_ours = terminals && handle_for_terminal(signal.ssi_signo, process, *terminals);
        if (!is_ours) handle_signal(signal.ssi_signo, process);
    }
}

// When the process has gone already, and only its last words are on their way.
Task<void> until_told_to_end(Loop& loop, const SignalFd& signals, const Attended& process,
                             Terminals& terminals) {
    terminals.is_told_to_end = false;
    while (!terminals.is_told_to_end) {
        auto signal = co_await signals.next(loop);
        (void)handle_for_terminal(signal.ssi_signo, process, terminals);
    }
}

Task<siginfo_t> attend_on(Loop& loop, const SignalFd& signals, const Attended& process,
                          Terminals* terminals) {
    Nursery nursery(loop);
    nursery.spawn(forward_signals(loop, signals, process, terminals));
    if (terminals) nursery.spawn(terminals->relay->run());
    if (process.attendant) {
        nursery.spawn(process.attendant->serve());
        co_await process.attendant->until_open();
    }
    auto info = co_await wait_pidfd(loop, process.pidfd);
    if (process.attendant) {
        process.attendant->hurry();  // our caller waits
        co_await process.attendant->finish(monitor::wait_status_of(info));
    }
    nursery.cancel();
    co_await nursery.join();
    if (!terminals) co_return info;
    // A stdout that stands still is waited for, until a signal says that it is not worth it.
    (void)co_await settled(
        race(loop, terminals->relay->finish(), until_told_to_end(loop, signals, process, *terminals)));
    co_return info;
}

Result<siginfo_t> attend_with_terminal(Loop& loop, const SignalFd& signals, Attended& process) {
    Terminals terminals;
    // Raw before the program's first byte is shown, and until its last one has been.
    auto& caller = terminals.caller;
    URC_TRY_VOID(caller.is_in_background() ? caller.stop(SIGTTOU) : caller.take());
    const bool is_shown_elsewhere = process.attendant && process.attendant->relays_terminal();
    const auto shown = is_shown_elsewhere ? terminal::Shown::elsewhere : terminal::Shown::here;
    URC_TRY(auto relay, terminal::Relay::open(loop, caller, std::move(process.terminal), shown));
    terminals.relay = relay.get();
    return loop.run(attend_on(loop, signals, process, &terminals));
}

bool is_limited(int resource) {
    rlimit limit;
    return ::getrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0 &&
           limit.rlim_cur != RLIM_INFINITY;
}

// The loop is made when the process runs already, beside its set-up. Under a limit (ulimit -v, -d) its memory
// is asked for before, while nothing has to be undone.
Result<void> reserve_memory() {
    if ((!is_limited(RLIMIT_AS) && !is_limited(RLIMIT_DATA)) || reserve_frames()) return {};
    return Error(ENOMEM, "reserve memory", "under a limit (ulimit -v, ulimit -d)");
}

}  // namespace

Result<Foreground> Foreground::enter(const Log& log, Subreaper subreaper) {
    URC_TRY_VOID(reserve_memory());
    URC_TRY(SignalFd signals, SignalFd::open(all_signals_but_faults()));
    if (subreaper == Subreaper::yes && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        log.warning("cannot become a subreaper: ", errno_text(errno));
    return Foreground(log, std::move(signals));
}

Result<Loop*> Foreground::loop() {
    if (!loop_) {
        URC_TRY(backend_, open_backend());
        loop_ = std::make_unique<Loop>(*backend_);
    }
    return loop_.get();
}

Result<siginfo_t> Foreground::await_end(Attended& process) {
    URC_TRY(Loop * loop, this->loop());
    log_->debug("waiting by ", backend_->name());
    if (process.terminal) return attend_with_terminal(*loop, signals_, process);
    return loop->run(attend_on(*loop, signals_, process, nullptr));
}

Result<int> Foreground::attend(Attended process) {
    URC_TRY(siginfo_t end, await_end(process));
    log_->debug("phase: ended");
    return end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status;
}

}  // namespace urc
