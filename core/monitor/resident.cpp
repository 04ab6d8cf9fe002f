#include "core/monitor/resident.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/lifecycle/destroy.h"
#include "core/memory.h"
#include "core/monitor/attendant.h"
#include "core/monitor/client.h"
#include "core/process/orphans.h"
#include "core/signals.h"
#include "uring/file.h"
#include "uring/frame.h"
#include "uring/open_backend.h"
#include "uring/ops_process.h"

namespace urc::monitor {

namespace {

// What PIDFD_GET_INFO tells of a process that has been reaped (Linux 6.15; <linux/pidfd.h>).
struct PidfdInfo {
    std::uint64_t mask = 0;
    std::uint64_t cgroup_id = 0;
    std::uint32_t ids[11]{};
    std::int32_t exit_code = 0;
};
static_assert(sizeof(PidfdInfo) == 64, "PIDFD_INFO_SIZE_VER0");
constexpr std::uint64_t kInfoExit = 1 << 3;
constexpr int kReapedWithinMs = 200;

// A dozen requests are on their way at most, so that one page holds them and one their completions.
RingOptions small_ring() {
    RingOptions options;
    options.requests = 32;
    options.completions = 128;
    return options;
}

// Of a process that is somebody else's child; -1 where the kernel does not tell.
int wait_status_of_other(int pidfd) {
    pollfd reaped{pidfd, 0, 0};  // POLLHUP comes when its parent has reaped it
    (void)::poll(&reaped, 1, kReapedWithinMs);
    PidfdInfo info;
    info.mask = kInfoExit;
    if (::ioctl(pidfd, _IOWR(0xff, 11, PidfdInfo), &info) < 0 || !(info.mask & kInfoExit)) return -1;
    return info.exit_code;
}

void obey_signal(const signalfd_siginfo& signal, Attendant& attendant, pid_t init) {
    if (signal.ssi_signo == SIGHUP) attendant.rotate();
    if (signal.ssi_signo == SIGTERM) attendant.hurry();
    if (signal.ssi_signo == SIGCHLD) process::reap_orphans(init);
}

Task<void> obey_signals(Loop& loop, const SignalFd& signals, Attendant& attendant, pid_t init) {
    for (;;) {
        auto signal = co_await signals.next(loop);
        obey_signal(signal, attendant, init);
    }
}

Task<int> wait_for_end(Loop& loop, int init, bool is_child) {
    if (is_child) {
        auto info = co_await wait_pidfd(loop, init);
        co_return wait_status_of(info);
    }
    co_await poll(loop, init, POLLIN);
    co_return wait_status_of_other(init);
}

}  // namespace

Task<void> Resident::watch(Loop& loop, const SignalFd& signals, Attendant& attendant, Way way) {
    Nursery nursery(loop);
    nursery.spawn(obey_signals(loop, signals, attendant, state_.init.pid));
    nursery.spawn(attendant.serve());
    co_await attendant.until_open();
    co_await report_done(attendant, way);
    const int wait_status = co_await wait_for_end(loop, container_.init.get(), way == Way::launches);
    co_await attendant.finish(wait_status);
    nursery.cancel();
    co_await nursery.join();
}

// From here on the container is the monitor's, whatever becomes of urc.
Result<void> Resident::report_done(Attendant& attendant, Way way) {
    ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    URC_TRY_VOID(send_packet(report_.get(), Kind::done));
    launched_.reset();
    if (way == Way::receives && started_by_ == StartedBy::channel) attendant.adopt(std::move(report_));
    report_.reset();
    give_back_memory();
    return {};
}

// As its parent. Nothing is left when it fails.
Result<void> Resident::launch_container(Pipes& pipes) {
    if (!options_.no_subreaper && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        global_.log.warning("cannot become a subreaper: ", errno_text(errno));
    auto launched = launch(global_, options_, started_by_, {}, pipes.attendance(::getpid(), true));
    if (!launched.ok()) return std::move(launched).error();
    launched_.emplace(std::move(*launched));
    if (started_by_ == StartedBy::channel) URC_TRY_VOID(release(global_, *launched_));
    launched_->dir.unlock();
    state_ = launched_->state;
    container_.init = std::move(launched_->init);
    container_.terminal = std::move(launched_->terminal);
    container_.notify_socket = std::move(launched_->notify_socket);
    container_.network_namespace = std::move(launched_->network_namespace);
    URC_TRY(container_.directory, open_at(launched_->dir.fd(), ".", O_RDONLY | O_DIRECTORY));
    return {};
}

// urc is its parent, and hands it over.
Result<void> Resident::await_container() {
    URC_TRY_VOID(send_packet(report_.get(), Kind::done));
    URC_TRY(container_, receive_handover(report_.get()));
    URC_TRY(Store store, Store::open_existing(global_.root));
    URC_TRY(StateDir dir, store.find(options_.id));
    URC_TRY(state_, dir.load());
    return {};
}

// Nothing of the caller's is held any longer: who reads its streams gets an end of file when it has ended.
Result<void> Resident::leave_caller() const {
    URC_TRY(Fd null, open_at(AT_FDCWD, "/dev/null", O_RDWR));
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::dup3(null.get(), fd, 0) < 0) return Error::last("dup3", "/dev/null");
    if (options_.passed.total > 0 && ::close_range(3, 2 + options_.passed.total, 0) < 0)
        return Error::last("close_range");
    if (::chdir("/") < 0) return Error::last("chdir", "/");
    return {};
}

void Resident::join(State state, Pidfd init, Fd directory) {
    state_ = std::move(state);
    container_.init = std::move(init);
    container_.directory = std::move(directory);
}

Result<void> Resident::come_to_container(Pipes& pipes, Way way) {
    if (way == Way::launches) return launch_container(pipes);
    return way == Way::receives ? await_container() : Result<void>{};
}

Result<void> Resident::attend(Pipes& pipes, Way way) {
    URC_TRY(SignalFd signals, SignalFd::open(all_signals_but_faults()));
    const bool has_ports = !options_.publish.empty() || way == Way::joins;
    if (!has_ports) expect_few_frames();
    URC_TRY(std::unique_ptr<Backend> backend, open_backend(has_ports ? RingOptions() : small_ring()));
    Loop loop(*backend);
    URC_TRY(auto attendant,
            Attendant::prepare(
                loop, {.global = global_, .create = options_, .is_detached = true, .starter = ::getppid()},
                pipes));
    URC_TRY_VOID(come_to_container(pipes, way));
    pipes.close_containers_ends();
    auto taken = attendant->take({.state = state_,
                                  .directory = container_.directory.get(),
                                  .init = container_.init.get(),
                                  .terminal = container_.terminal.get(),
                                  .notify_socket = std::move(container_.notify_socket),
                                  .network_namespace = std::move(container_.network_namespace)});
    container_.directory.reset();
    if (taken.ok()) taken = leave_caller();
    if (taken.ok()) taken = loop.run(watch(loop, signals, *attendant, way));
    // Who launched it undoes that, when the container is not yet the monitor's.
    if (!taken.ok() && launched_) {
        kill_and_reap(container_.init);
        (void)lock_and_destroy(global_, launched_->dir);
    }
    return taken;
}

void Resident::be_monitor(Pipes pipes, Way way) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // Its creator may have died before that: then there is nobody at the other end.
    pollfd creator{report_.get(), 0, 0};
    if (::poll(&creator, 1, 0) == 1) ::_exit(1);
    ::setsid();
    ::prctl(PR_SET_NAME, "urc monitor", 0, 0, 0);
    auto attended = attend(pipes, way);
    if (!attended.ok() && report_) {
        const std::string text = attended.error().text().substr(0, kBodySizeMax);
        (void)send_packet(report_.get(), Kind::refused, std::as_bytes(std::span(text)));
    }
    ::_exit(attended.ok() ? 0 : 1);
}

}  // namespace urc::monitor
