// Who sent a datagram, and what its numbers mean to us: SCM_CREDENTIALS and SCM_PIDFD, /proc/PID.
//
// A member of the container's cgroup is heard, everybody else is refused, with one exception: a sender that
// has ended already (`systemd-notify --no-block` does not wait for us). Of that one nothing can be found out
// any more; but the socket can be reached only through the container's own mount and through the state root,
// which is closed to others, so its word is taken.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace urc::notify {

struct Sender {
    pid_t pid = 0;   // 0: in a pid namespace that is not below ours
    int pidfd = -1;  // borrowed; -1: the kernel gave none (before Linux 6.5, or of a process that was reaped)
};

enum class Standing : std::uint8_t { member, ended, stranger };

// `is_member` empty: all that can be named are members.
Standing standing_of(const Sender& sender, const std::function<bool(pid_t)>& is_member);

// ---- for who fills in ProxyOptions --------------------------------------------------------------

// Where `pid` is, as /proc/PID/cgroup has it; empty when it cannot be read. `controller` as below.
std::string cgroup_of(pid_t pid, std::string_view controller);

// Whether `pid` is in the cgroup `path` or below, a path as /proc/PID/cgroup has it. `controller`: of v1
// ("pids", "name=systemd"); empty: v2.
bool is_in_cgroup(pid_t pid, const std::string& path, std::string_view controller = {});

// The process that `sender` calls `inside`: the one of `candidates` (the processes of the cgroup) that is in
// the sender's pid namespace under that number.
std::optional<pid_t> translate_pid(pid_t sender, pid_t inside, std::span<const pid_t> candidates);

// What the monotonic clock of `pid` is ahead of ours (time_namespaces(7)); nullopt when both are in the same
// time namespace.
std::optional<std::chrono::nanoseconds> monotonic_offset(pid_t pid);

// ---- pidfds -------------------------------------------------------------------------------------

// Whom `fd` stands for; nullopt when it is no pidfd, or its process has ended or cannot be named by us.
std::optional<pid_t> pid_of_pidfd(int fd);

// MAINPIDFDID: what tells this process from a later one of the same number. `pidfd` may be -1, then one is
// opened. 0: not known (before Linux 6.9).
std::uint64_t pidfd_id(pid_t pid, int pidfd = -1);

}  // namespace urc::notify
