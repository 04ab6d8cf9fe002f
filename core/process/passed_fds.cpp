#include "core/process/passed_fds.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "core/number.h"
#include "uring/file.h"

namespace urc::process {

namespace {
// More cannot be meant: the kernel's own ceiling for RLIMIT_NOFILE is 2^20 unless an administrator raised it.
constexpr unsigned kPassedMax = 1u << 20;

unsigned listen_fds_for_us() {
    const char* pid = std::getenv("LISTEN_PID");
    const char* count = std::getenv("LISTEN_FDS");
    if (!pid || !count || parse_number<pid_t>(pid) != ::getpid()) return 0;
    return parse_number<unsigned>(count, kPassedMax).value_or(0);
}
}  // namespace

Result<PassedFds> find_passed_fds(unsigned preserve_fds) {
    PassedFds passed;
    passed.listen = listen_fds_for_us();
    if (const char* names = std::getenv("LISTEN_FDNAMES"); names && passed.listen > 0)
        passed.listen_names = names;
    if (preserve_fds > kPassedMax - passed.listen)
        return Error(EINVAL, "--preserve-fds", std::to_string(preserve_fds));
    passed.total = passed.listen + preserve_fds;
    for (unsigned i = 0; i < passed.total; ++i) {
        int fd = static_cast<int>(3 + i);
        if (::fcntl(fd, F_GETFD) < 0)
            return Error(errno, i < passed.listen ? "LISTEN_FDS" : "--preserve-fds",
                         "descriptor " + std::to_string(fd));
        // They must live through execve; socket activation hands them over without the flag, others may not.
        if (::fcntl(fd, F_SETFD, 0) < 0) return Error::last("fcntl", "descriptor " + std::to_string(fd));
    }
    return passed;
}

Result<void> close_leaked_fds(const PassedFds& passed, std::vector<int> kept) {
    for (;;) {
        int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0) return Error::last("open", "/dev/null");
        if (fd > STDERR_FILENO) {
            Fd beyond_stdio(fd);
            break;
        }
        ::fcntl(fd, F_SETFD, 0);  // it is stdin, stdout or stderr now
    }
    unsigned low = 3 + passed.total;
    std::sort(kept.begin(), kept.end());
    for (int fd : kept) {
        const auto number = static_cast<unsigned>(fd);
        if (fd < 0 || number < low || ::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) continue;
        if (number > low && ::close_range(low, number - 1, 0) < 0) return Error::last("close_range");
        low = number + 1;
    }
    if (::close_range(low, ~0U, 0) < 0) return Error::last("close_range");
    return {};
}

}  // namespace urc::process
