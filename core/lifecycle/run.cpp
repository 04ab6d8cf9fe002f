// run: a launch and its last word; in the foreground also the wait, on our own loop.
//
//          signals of the caller ----> forward_signals ----> init        (pidfd_send_signal)
//   SIGCHLD of adopted orphans   ----> reap_orphans
//   terminal, if there is one   <--> relay_input, relay_output (core/terminal/relay.h)
//                       init ends ----> its status is ours, then everything is removed
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "core/lifecycle/destroy.h"
#include "core/lifecycle/launch.h"
#include "core/terminal/relay.h"
#include "core/terminal/terminal.h"
#include "uring/nursery.h"
#include "uring/ops_process.h"
#include "uring/ring.h"

namespace urc {

namespace {

constexpr int kLockTimeoutMs = 10'000;

// Everything that can be caught, but for the signals that a fault of our own raises: blocked, those would
// hide it.
sigset_t forwarded_signals() {
    sigset_t signals;
    sigfillset(&signals);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&signals, fault);
    return signals;
}

// As a subreaper we inherit the orphans of a container without a pid namespace. The init is left to its
// pidfd.
void reap_orphans(pid_t init) {
    for (;;) {
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
            info.si_pid == init)
            return;
        ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
    }
}

void handle_signal(const signalfd_siginfo& signal, const Launched& container) {
    switch (signal.ssi_signo) {
        case SIGCHLD:
            return reap_orphans(container.state.init.pid);
        case SIGWINCH:
            return terminal::copy_size(STDIN_FILENO, container.terminal.get());
        case SIGPIPE:  // ours: a log that nobody reads
        case SIGURG:
            return;
        default:
            // ESRCH: it has just ended, and await_end is about to say so.
            ::syscall(SYS_pidfd_send_signal, container.init.get(), signal.ssi_signo, nullptr, 0);
    }
}

Task<void> forward_signals(Loop& loop, const SignalFd& signals, const Launched& container) {
    for (;;) {
        auto signal = co_await signals.next(loop);
        handle_signal(signal, container);
    }
}

Task<siginfo_t> attend(Loop& loop, const SignalFd& signals, const Launched& container) {
    Nursery nursery(loop);
    nursery.spawn(forward_signals(loop, signals, container));
    if (int master = container.terminal.get(); master >= 0) {
        nursery.spawn(terminal::relay_input(loop, STDIN_FILENO, master));
        nursery.spawn(terminal::relay_output(loop, master, STDOUT_FILENO));
    }
    auto info = co_await wait_pidfd(loop, container.init.get());
    nursery.cancel();
    co_await nursery.join();
    co_return info;
}

// The same without a ring, for hosts that forbid io_uring (kernel.io_uring_disabled, a seccomp filter around
// us).
Result<siginfo_t> attend_by_poll(const SignalFd& signals, const Launched& container) {
    pollfd waits[2] = {{container.init.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}};
    for (;;) {
        if (::poll(waits, 2, -1) < 0 && errno != EINTR) return Error::last("poll");
        signalfd_siginfo signal;
        if (waits[1].revents & POLLIN && ::read(signals.get(), &signal, sizeof signal) == sizeof signal)
            handle_signal(signal, container);
        if (!(waits[0].revents & POLLIN)) continue;
        siginfo_t info{};
        if (::waitid(P_PIDFD, static_cast<id_t>(container.init.get()), &info, WEXITED) < 0)
            return Error::last("waitid");
        return info;
    }
}

Result<terminal::RawMode> take_over_terminal(const Launched& container) {
    if (!container.terminal) return terminal::RawMode();
    if (::fcntl(container.terminal.get(), F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        return Error::last("fcntl", "terminal");
    terminal::copy_size(STDIN_FILENO, container.terminal.get());
    return terminal::RawMode::enter(STDIN_FILENO);
}

int exit_status(const siginfo_t& info) {
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

// Whatever happened, nothing must stay; the first error is the one to show.
Result<void> remove_container(const Global& global, Launched& container) {
    URC_TRY_VOID(container.dir.lock(kLockTimeoutMs));
    return destroy(global, container.dir, container.state);
}

}  // namespace

Result<int> run(const Global& global, const CreateOptions& options) {
    // Blocked before the child is there: a signal that arrives meanwhile is forwarded as soon as it can be.
    std::optional<SignalFd> signals;
    if (!options.detach) {
        URC_TRY(SignalFd opened, SignalFd::open(forwarded_signals()));
        signals.emplace(std::move(opened));
        if (!options.no_subreaper && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
            global.log.warning("cannot become a subreaper: ", errno_text(errno));
    }
    URC_TRY(Launched container, launch(global, options, StartedBy::channel));
    URC_TRY_VOID(release(global, container));
    if (options.detach) return 0;
    container.dir.unlock();

    // Raw from the first byte that the program may write to the moment after its last one.
    URC_TRY(terminal::RawMode raw, take_over_terminal(container));
    Result<siginfo_t> end = Error(ENOSYS, "io_uring");
    auto ring = Ring::create();
    if (ring.ok()) {
        Loop loop(**ring);
        end = loop.run(attend(loop, *signals, container));
    } else if (container.terminal) {
        kill_and_reap(container.init);
        (void)remove_container(global, container);
        return std::move(ring).error().context("process.terminal");
    } else {
        global.log.debug("no io_uring, waiting by poll: ", ring.error().text());
        end = attend_by_poll(*signals, container);
    }
    if (container.terminal) terminal::drain_output(container.terminal.get(), STDOUT_FILENO);
    raw.restore();
    if (!end.ok()) return std::move(end).error();
    global.log.debug("phase: ended");
    if (!options.keep) URC_TRY_VOID(remove_container(global, container));
    return exit_status(*end);
}

}  // namespace urc
