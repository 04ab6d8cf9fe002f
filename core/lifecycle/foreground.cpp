#include "core/lifecycle/foreground.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/terminal/relay.h"
#include "core/terminal/terminal.h"
#include "uring/frame.h"
#include "uring/nursery.h"
#include "uring/open_backend.h"

namespace urc {

namespace {

using Attended = Foreground::Attended;

// Everything that can be caught, but for the signals that a fault of our own raises: blocked, those would
// hide it.
sigset_t forwarded_signals() {
    sigset_t signals;
    sigfillset(&signals);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&signals, fault);
    return signals;
}

// As a subreaper we inherit the orphans of a container without a pid namespace. The process itself is left to
// its pidfd.
void reap_orphans(pid_t process) {
    for (;;) {
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
            info.si_pid == process)
            return;
        ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
    }
}

void handle_signal(const signalfd_siginfo& signal, const Attended& process) {
    switch (signal.ssi_signo) {
        case SIGCHLD:
            return reap_orphans(process.pid);
        case SIGWINCH:
            return terminal::copy_size(STDIN_FILENO, process.terminal);
        case SIGPIPE:  // ours: a log that nobody reads
        case SIGURG:
            return;
        default:
            // ESRCH: it has just ended, and await_end is about to say so.
            ::syscall(SYS_pidfd_send_signal, process.pidfd, signal.ssi_signo, nullptr, 0);
    }
}

Task<void> forward_signals(Loop& loop, const SignalFd& signals, const Attended& process) {
    for (;;) {
        auto signal = co_await signals.next(loop);
        handle_signal(signal, process);
    }
}

Task<siginfo_t> attend_on(Loop& loop, const SignalFd& signals, const Attended& process) {
    Nursery nursery(loop);
    nursery.spawn(forward_signals(loop, signals, process));
    if (process.terminal >= 0) {
        nursery.spawn(terminal::relay_input(loop, STDIN_FILENO, process.terminal));
        nursery.spawn(terminal::relay_output(loop, process.terminal, STDOUT_FILENO));
    }
    auto info = co_await wait_pidfd(loop, process.pidfd);
    nursery.cancel();
    co_await nursery.join();
    co_return info;
}

Result<terminal::RawMode> take_over_terminal(int master) {
    if (master < 0) return terminal::RawMode();
    if (::fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0) return Error::last("fcntl", "terminal");
    terminal::copy_size(STDIN_FILENO, master);
    return terminal::RawMode::enter(STDIN_FILENO);
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
    URC_TRY(SignalFd signals, SignalFd::open(forwarded_signals()));
    if (subreaper == Subreaper::yes && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        log.warning("cannot become a subreaper: ", errno_text(errno));
    return Foreground(log, std::move(signals));
}

Result<siginfo_t> Foreground::await_end(const Attended& process) {
    URC_TRY(std::unique_ptr<Backend> backend, open_backend());
    log_->debug("waiting by ", backend->name());
    Loop loop(*backend);
    return loop.run(attend_on(loop, signals_, process));
}

Result<int> Foreground::attend(const Attended& process) {
    // Raw from the first byte that the program may write to the moment after its last one.
    URC_TRY(terminal::RawMode raw, take_over_terminal(process.terminal));
    auto end = await_end(process);
    if (process.terminal >= 0) terminal::drain_output(process.terminal, STDOUT_FILENO);
    raw.restore();
    if (!end.ok()) return std::move(end).error();
    log_->debug("phase: ended");
    return end->si_code == CLD_EXITED ? end->si_status : 128 + end->si_status;
}

}  // namespace urc
