// Processes and signals as things to wait for.
//
//   siginfo_t end = co_await wait_pidfd(loop, child.get());
//   SignalFd signals = co_await SignalFd::open(SIGTERM, SIGCHLD);
//   signalfd_siginfo signal = co_await signals.next(loop);
#pragma once

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <concepts>

#include "uring/fd.h"
#include "uring/ops_file.h"

namespace urc {

// Waits until the child behind `pidfd` has ended, and reaps it: waitid(2) with P_PIDFD. Where the kernel has
// IORING_OP_WAITID it does it all; elsewhere we poll the pidfd and reap with a plain call that cannot block.
class [[nodiscard]] WaitPidfd final : public Awaitable<WaitPidfd, PolledOperation> {
public:
    WaitPidfd(Loop& loop, int pidfd) noexcept
        : Awaitable(loop, pidfd, POLLIN), has_opcode_(loop.backend().supports(kOpWaitid)) {}
    siginfo_t take() const noexcept { return info_; }

private:
    void prepare(io_uring_sqe& sqe) noexcept override {
        if (!has_opcode_) return Awaitable::prepare(sqe);
        // waitid(len = id type, fd = id, addr2 = siginfo, file_index = options); liburing 2.3 cannot.
        io_uring_prep_rw(static_cast<int>(kOpWaitid), &sqe, fd_, nullptr, P_PIDFD, 0);
        sqe.addr2 = reinterpret_cast<std::uintptr_t>(&info_);
        sqe.file_index = WEXITED;
    }
    bool again(int& result) noexcept override {
        return has_opcode_ ? result == -EINTR : Awaitable::again(result);
    }
    int call() noexcept override {
        if (::waitid(P_PIDFD, static_cast<id_t>(fd_), &info_, WEXITED | WNOHANG) < 0) return -errno;
        return info_.si_pid == 0 ? -EAGAIN : 0;
    }
    const char* step() const noexcept override { return "waitid"; }

    siginfo_t info_{};
    bool has_opcode_;
};

inline WaitPidfd wait_pidfd(Loop& loop, int pidfd) noexcept {
    return WaitPidfd(loop, pidfd);
}

// Reads one signal: polled, because older kernels read a signalfd only on a worker thread.
class [[nodiscard]] NextSignal final : public Awaitable<NextSignal, PolledOperation> {
public:
    NextSignal(Loop& loop, int signalfd) noexcept : Awaitable(loop, signalfd, POLLIN) {}
    signalfd_siginfo take() const noexcept { return info_; }

private:
    int call() noexcept override {
        ssize_t count = ::read(fd_, &info_, sizeof info_);
        if (count < 0) return -errno;
        return count == sizeof info_ ? 0 : -EIO;
    }
    const char* step() const noexcept override { return "read signalfd"; }

    signalfd_siginfo info_{};
};

// Blocks the given signals for as long as it lives and hands them over as data. A child must restore the mask
// before it executes anything: old_mask().
class [[nodiscard]] SignalFd {
public:
    static Result<SignalFd> open(const sigset_t& signals) {
        SignalFd made;
        if (::sigprocmask(SIG_BLOCK, &signals, &made.old_mask_) < 0) return Error::last("sigprocmask");
        made.fd_ = Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
        if (!made.fd_) {
            int code = errno;
            ::sigprocmask(SIG_SETMASK, &made.old_mask_, nullptr);
            return Error(code, "signalfd");
        }
        return made;
    }
    // Not a braced list: g++ 12 rejects those inside a co_await expression.
    template <std::same_as<int>... Signals>
    static Result<SignalFd> open(Signals... signals) {
        sigset_t set;
        sigemptyset(&set);
        (sigaddset(&set, signals), ...);
        return open(set);
    }
    SignalFd(SignalFd&&) noexcept = default;
    SignalFd& operator=(SignalFd&&) = delete;
    ~SignalFd() {
        if (fd_) ::sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
    }

    NextSignal next(Loop& loop) const noexcept { return NextSignal(loop, fd_.get()); }
    int get() const noexcept { return fd_.get(); }
    const sigset_t& old_mask() const noexcept { return old_mask_; }

private:
    SignalFd() { sigemptyset(&old_mask_); }
    Fd fd_;
    sigset_t old_mask_;
};

}  // namespace urc
