#include "core/notify/acquaintance.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace urc::notify {

namespace {

// A zombie has ended, too: its number is free as soon as somebody reaps it.
bool is_alive(const Pidfd& pidfd) {
    pollfd entry{pidfd.get(), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 0;
}

}  // namespace

bool Acquaintance::is_known(pid_t pid, std::chrono::nanoseconds now) const {
    return pid == pid_ && now < until_ && is_alive(pidfd_);
}

Standing Acquaintance::standing_of(const Sender& sender, const std::function<bool(pid_t)>& is_member,
                                   std::chrono::nanoseconds now) {
    if (!is_member || sender.pid <= 0) return notify::standing_of(sender, is_member);
    if (is_known(sender.pid, now)) return Standing::member;
    pid_ = 0;
    pidfd_.reset();
    // Opened before the question and alive after it: then the answer was about the process that is held.
    Pidfd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, sender.pid, 0)));
    const Standing standing = notify::standing_of(sender, is_member);
    if (standing == Standing::member && pidfd && is_alive(pidfd)) {
        pid_ = sender.pid;
        pidfd_ = std::move(pidfd);
        until_ = now + kKnownFor;
    }
    return standing;
}

}  // namespace urc::notify
