#include "core/monitor/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/lifecycle/destroy.h"
#include "core/monitor/attendant.h"
#include "core/monitor/client.h"
#include "core/monitor/handover.h"
#include "core/monitor/resident.h"
#include "core/process/spawn.h"
#include "uring/file.h"
#include "uring/ops_process.h"

namespace urc::monitor {

namespace {

// A sink that does not take the last words of a container that failed.
constexpr int kFailedBoundMs = 10'000;

Error monitor_died() {
    return Error::message("the container's monitor died", ECHILD);
}

// The monitor's next word: done, or its Error; `ended` where that may come.
Result<Kind> next_word(int report) {
    PacketBuffer buffer;
    URC_TRY(std::optional<Packet> packet, receive_packet(report, buffer));
    if (!packet) return monitor_died();
    if (packet->kind == Kind::refused) return Error::message(packet->text());
    if (packet->kind != Kind::done && packet->kind != Kind::ended)
        return Error(EPROTO, "receive from the container's monitor");
    return packet->kind;
}

Result<SignalFd> block_signals() {
    return SignalFd::open(SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2);
}

// Signals go on to the container, which may know how to end.
Result<Kind> await_ready(int report, const SignalFd& signals) {
    pollfd waits[2] = {{report, POLLIN, 0}, {signals.get(), POLLIN, 0}};
    for (;;) {
        if (::poll(waits, 2, -1) < 0 && errno != EINTR) return Error::last("poll");
        signalfd_siginfo signal;
        if ((waits[1].revents & POLLIN) && ::read(signals.get(), &signal, sizeof signal) == sizeof signal)
            URC_TRY_VOID(send_packet(report, Kind::signal,
                                     Signal{.number = static_cast<std::int32_t>(signal.ssi_signo)}));
        if (waits[0].revents) return next_word(report);
    }
}

// Of our child; killed when it does not come.
void await_end(const Pidfd& monitor, int timeout_ms) {
    pollfd wait{monitor.get(), POLLIN, 0};
    if (::poll(&wait, 1, timeout_ms) <= 0) return kill_and_reap(monitor);
    ::waitid(P_PIDFD, static_cast<id_t>(monitor.get()), nullptr, WEXITED);
}

int reap(const Pidfd& init) {
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(init.get()), &info, WEXITED) < 0) return 1;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

// After the launch: to the monitor with it. On error the container goes.
Result<void> hand_over(const Global& global, Launched& container, int report) {
    Result<void> done = send_handover(report, container);
    if (done.ok()) {
        auto word = next_word(report);
        done = word.ok() ? Result<void>{} : std::move(word).error();
    }
    if (done.ok()) return done;
    kill_and_reap(container.init);
    container.dir.unlock();
    (void)lock_and_destroy(global, container.dir);
    return done;
}

// The container's parent is this process.
Result<int> launch_under_manager(const Global& global, const CreateOptions& options, StartedBy started_by,
                                 Pipes pipes, pid_t monitor, const Fd& report) {
    URC_TRY(SignalFd signals, block_signals());
    auto prepared = next_word(report.get());
    if (!prepared.ok()) return std::move(prepared).error();
    auto launched = launch(global, options, started_by, {}, pipes.attendance(monitor, true));
    if (!launched.ok()) return std::move(launched).error();
    Launched& container = *launched;
    pipes.close_containers_ends();
    // An engine that speaks to the manager by itself leaves nothing to attend to, and the monitor goes with
    // us.
    const bool is_attended = container.notify_socket || !options.sinks.empty();
    if (is_attended) URC_TRY_VOID(hand_over(global, container, report.get()));
    if (started_by == StartedBy::channel) URC_TRY_VOID(release(global, container));
    if (!is_attended || started_by == StartedBy::socket) return 0;
    auto word = await_ready(report.get(), signals);
    if (word.ok() && *word == Kind::done) return 0;
    if (!word.ok()) kill_and_reap(container.init);
    Result<int> status = word.ok() ? Result<int>(reap(container.init)) : std::move(word).error();
    if (status.ok()) global.log.warning("run ", options.id, ": the container has ended before it was ready");
    if (!options.keep) (void)lock_and_destroy(global, container.dir);
    return status;
}

}  // namespace

Result<int> launch_monitored(const Global& global, const CreateOptions& options, StartedBy started_by) {
    const bool has_manager = !options.notify.socket.empty();
    URC_TRY(Pipes pipes, Pipes::make(options, true));
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return Error::last("socketpair");
    Fd ours(ends[0]), theirs(ends[1]);
    URC_TRY(process::Cloned monitor, process::clone_process({}));
    if (monitor.pid == 0) {
        ours.reset();
        if (has_manager) pipes.close_containers_ends();
        Resident resident(global, options, started_by, std::move(theirs));
        resident.be_monitor(std::move(pipes),
                            has_manager ? Resident::Way::receives : Resident::Way::launches);
    }
    theirs.reset();
    pipes.close_attendants_ends();
    Result<int> status = 0;
    if (has_manager) {
        status = launch_under_manager(global, options, started_by, std::move(pipes), monitor.pid, ours);
    } else {
        pipes.close_containers_ends();
        auto word = next_word(ours.get());
        if (!word.ok()) status = std::move(word).error();
    }
    ours.reset();
    // What it has of a container that failed goes to the sinks before the failure is told.
    if (!status.ok()) await_end(monitor.pidfd, kFailedBoundMs);
    return status;
}

Result<Pidfd> start_monitor(const Global& global, Held& held) {
    URC_TRY(Pidfd init, open_process(held.state.init));
    // A monitor that was killed leaves its socket behind.
    if (::unlinkat(held.dir.fd(), kMonitorSocket, 0) < 0 && errno != ENOENT)
        return Error::last("unlink", kMonitorSocket);
    URC_TRY(Fd directory, open_at(held.dir.fd(), ".", O_RDONLY | O_DIRECTORY));
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return Error::last("socketpair");
    Fd ours(ends[0]), theirs(ends[1]);
    URC_TRY(process::Cloned monitor, process::clone_process({}));
    if (monitor.pid == 0) {
        ours.reset();
        CreateOptions options;
        options.id = held.state.id;
        Resident resident(global, options, StartedBy::socket, std::move(theirs));
        resident.join(held.state, std::move(init), std::move(directory));
        // The lock lives as long as any copy of its descriptor does.
        { const Held closed = std::move(held); }
        resident.be_monitor({}, Resident::Way::joins);
    }
    theirs.reset();
    auto word = next_word(ours.get());
    if (word.ok()) {
        auto identity = identify(monitor.pid, monitor.pidfd.get());
        if (identity.ok()) {
            held.state.monitor = *identity;
            return std::move(monitor.pidfd);
        }
        word = std::move(identity).error();
    }
    kill_and_reap(monitor.pidfd);
    return std::move(word).error();
}

void await_monitor_end(const Log& log, const State& state, std::chrono::milliseconds bound) {
    if (state.monitor.pid == ::getpid()) return;
    auto monitor = open_process(state.monitor);
    if (!monitor.ok()) return;
    ::syscall(SYS_pidfd_send_signal, monitor->get(), SIGTERM, nullptr, 0);
    pollfd wait{monitor->get(), POLLIN, 0};
    const int left = ::poll(&wait, 1, static_cast<int>(bound.count()));
    if (left > 0) return;
    log.warning("monitor of ", state.id, ": killed: it did not end within ", bound.count(), " ms");
    ::syscall(SYS_pidfd_send_signal, monitor->get(), SIGKILL, nullptr, 0);
    (void)::poll(&wait, 1, 1000);
}

}  // namespace urc::monitor
