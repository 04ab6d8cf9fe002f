// The small things a process inherits and a container must not: keyring, scheduling; and the loopback.
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "core/child/launch.h"
#include "core/number.h"
#include "core/number_list.h"
#include "core/process/affinity.h"
#include "core/spec/names.h"

namespace urc::child {

namespace {

// sched_setattr(2). <linux/sched/types.h> has it too, but clashes with the C library's <sched.h>.
struct SchedAttr {
    std::uint32_t size = sizeof(SchedAttr);
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime = 0;
    std::uint64_t deadline = 0;
    std::uint64_t period = 0;
};
static_assert(sizeof(SchedAttr) == 48, "SCHED_ATTR_SIZE_VER0");

}  // namespace

// Whether urc is gone, whatever it has said before: a closed end shows beside messages that are still unread.
bool has_lost_parent(const Launch& launch) {
    pollfd channel{launch.channel.get(), 0, 0};
    return ::poll(&channel, 1, 0) == 1 && (channel.revents & POLLHUP);
}

// Until the container is committed nobody but urc knows of this process, so it must not stay when urc is
// killed. End of file on the channel tells the same, but only where the channel is read; a mount or a hook
// may take for ever. To be said again after each change of credentials, which makes the kernel forget it
// (prctl(2)).
void die_with_parent(const Launch& launch) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // It may have died before that.
    if (has_lost_parent(launch)) ::_exit(1);
}

void outlive_parent() {
    ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

// netdevice(7). Any socket will do for SIOCSIFFLAGS, and a Unix one is the cheapest.
Result<void> bring_loopback_up() {
    Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return Error::last("socket");
    ifreq request{};
    std::memcpy(request.ifr_name, "lo", 3);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0) return Error::last("bring up", "lo");
    return {};
}

// session-keyring(7). A keyring of its own, so that the container cannot read the caller's keys. It may be
// searched by its user, so that joining it by name from an exec'd process works.
Result<void> join_keyring(const Launch& launch) {
    if (launch.no_new_keyring) return {};
    std::string name = "_ses." + launch.id;
    long keyring = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.c_str());
    if (keyring < 0) {
        if (errno == ENOSYS) return {};  // a kernel without keys has none to protect
        if (errno == EDQUOT)
            return Error(EDQUOT, "join session keyring",
                         "kernel.keys.maxkeys is reached; see --no-new-keyring");
        return Error::last("join session keyring", name);
    }
    // In an exec'd process the keyring is the one that init has made.
    if (launch.entry.init >= 0) return {};
    char description[512];
    long length = ::syscall(SYS_keyctl, KEYCTL_DESCRIBE, keyring, description, sizeof description);
    if (length < 0) return Error::last("describe session keyring", name);
    if (length > static_cast<long>(sizeof description))
        return Error(ENAMETOOLONG, "describe session keyring", name);
    // "type;uid;gid;permissions;name"
    std::string_view field(description, static_cast<std::size_t>(length) - 1);
    for (int skipped = 0; skipped < 3; ++skipped)
        field.remove_prefix(std::min(field.find(';'), field.size() - 1) + 1);
    auto parsed = parse_number<unsigned>(field.substr(0, field.find(';')), ~0U, 16);
    if (!parsed) return Error(EBADMSG, "describe session keyring", name);
    unsigned permissions = *parsed;
    constexpr unsigned kUserSearch = 0x00080000, kOtherSearch = 0x00000008;
    permissions |= kUserSearch | (launch.is_in_user ? kOtherSearch : 0);
    if (::syscall(SYS_keyctl, KEYCTL_SETPERM, keyring, permissions) < 0)
        return Error::last("set permissions of the session keyring", name);
    return {};
}

Result<void> set_scheduling(const Launch& launch) {
    const spec::Process& process = *launch.process;
    // All processors of the container's cpuset, not those to which the caller happened to be bound. The
    // kernel cuts the mask to what exists, so a generous one works beyond 1024 processors too. It may fail
    // where there is nothing to reset (a cpuset already given up to somebody else); the caller's mask then
    // stays.
    if (launch.cpus.empty()) {
        (void)process::set_affinity(process::every_cpu());
    } else {
        URC_TRY(process::CpuMask mask, process::cpu_mask(launch.cpus));
        URC_TRY_VOID(process::set_affinity(mask));
    }

    if (process.scheduler) {
        const spec::Scheduler& asked = *process.scheduler;
        SchedAttr attributes;
        attributes.policy = asked.policy;
        attributes.flags = asked.flags;
        attributes.nice = asked.nice;
        attributes.priority = static_cast<std::uint32_t>(asked.priority);
        attributes.runtime = asked.runtime;
        attributes.deadline = asked.deadline;
        attributes.period = asked.period;
        if (::syscall(SYS_sched_setattr, 0, &attributes, 0) < 0)
            return Error::last("sched_setattr", "process.scheduler");
    }
    if (process.io_priority) {
        // ioprio_set(2). The kernel's <linux/ioprio.h> names a parameter `class`, so its macros are out of
        // reach.
        constexpr int kWhoProcess = 1, kClassShift = 13;
        int value = process.io_priority->io_class << kClassShift | process.io_priority->priority;
        if (::syscall(SYS_ioprio_set, kWhoProcess, 0, value) < 0)
            return Error::last("ioprio_set", "process.ioPriority");
    }
    return {};
}

// set_mempolicy(2). Kept over execve; the kernel moves it along when the cpuset's nodes change.
Result<void> set_memory_policy(const spec::Linux& linux) {
    if (!linux.memory_policy) return {};
    const spec::MemoryPolicy& asked = *linux.memory_policy;
    unsigned mode = spec::memory_policy_mode(asked.mode).value_or(0);
    for (const std::string& flag : asked.flags) mode |= spec::memory_policy_flag(flag).value_or(0);
    auto nodes = parse_number_list(asked.nodes, spec::kMemoryNodesMax);
    // The kernel counts one bit less than it is told.
    long set = nodes ? ::syscall(SYS_set_mempolicy, mode, nodes->data(), spec::kMemoryNodesMax + 1)
                     : ::syscall(SYS_set_mempolicy, mode, nullptr, 0);
    return set < 0 ? Error::last("set_mempolicy", "linux.memoryPolicy") : Result<void>{};
}

}  // namespace urc::child
