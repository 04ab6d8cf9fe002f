#include "bench/watched.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include "bench/runner.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

std::uint64_t kib_of(std::string_view text, std::string_view key) {
    std::size_t start = text.find(key);
    if (start == std::string_view::npos) return 0;
    start = text.find_first_of("0123456789", start + key.size());
    if (start == std::string_view::npos) return 0;
    std::uint64_t value = 0;
    std::from_chars(text.data() + start, text.data() + text.size(), value);
    return value;
}

}  // namespace

Result<void> become_subreaper() {
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) return Error::last("PR_SET_CHILD_SUBREAPER");
    return {};
}

void reap_strays() {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
}

Result<Watched> Watched::open(pid_t pid) {
    Watched watched;
    watched.pid_ = pid;
    watched.pidfd_ = Pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!watched.pidfd_) return Error::last("pidfd_open", fmt::format("monitor {}", pid));
    return watched;
}

std::uint64_t Watched::cpu_ns() const {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t Watched::private_kib() const {
    const std::string path = fmt::format("/proc/{}/smaps_rollup", pid_);
    const auto text = read_file_at(AT_FDCWD, path.c_str());
    if (!text.ok()) return 0;
    return kib_of(text.value(), "Private_Clean:") + kib_of(text.value(), "Private_Dirty:");
}

Result<void> Watched::await_end(int timeout_ms) const {
    const std::uint64_t limit_ns = monotonic_ns() + static_cast<std::uint64_t>(timeout_ms) * 1'000'000;
    for (;;) {
        const std::uint64_t now_ns = monotonic_ns();
        const int left_ms = now_ns >= limit_ns ? 0 : static_cast<int>((limit_ns - now_ns) / 1'000'000) + 1;
        pollfd entry{pidfd_.get(), POLLIN, 0};
        const int ready = ::poll(&entry, 1, left_ms);
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return Error::last("poll", "monitor");
        if (left_ms == 0) return Error(ETIME, "monitor", "not ended");
    }
}

Result<std::uint64_t> Watched::reap() {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0)
        return Error::last("waitid", "monitor");
    const std::uint64_t cpu = cpu_ns();
    (void)::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED);
    return cpu;
}

void Watched::kill() const noexcept {
    (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

}  // namespace urc::bench
