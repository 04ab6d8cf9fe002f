// Acquaintance: the last sender that was found to be a member. Asking the kernel where a process is means to
// read /proc/PID/cgroup, which costs more than all the rest of a datagram's way; and who speaks once often
// goes on.
//
// Its pidfd is held, so that the number cannot become a stranger's unseen: as long as the pidfd does not say
// that its process has ended, whoever sends under this number is that process. And since a process may be
// moved to another cgroup, it is known for a moment only and then asked again.
#pragma once

#include <chrono>
#include <functional>

#include "core/notify/sender.h"
#include "uring/fd.h"

namespace urc::notify {

class Acquaintance {
public:
    static constexpr std::chrono::milliseconds kKnownFor{100};

    // As standing_of(). `now` of the loop's clock.
    Standing standing_of(const Sender& sender, const std::function<bool(pid_t)>& is_member,
                         std::chrono::nanoseconds now);

private:
    bool is_known(pid_t pid, std::chrono::nanoseconds now) const;

    pid_t pid_ = 0;
    Pidfd pidfd_;
    std::chrono::nanoseconds until_{0};
};

}  // namespace urc::notify
