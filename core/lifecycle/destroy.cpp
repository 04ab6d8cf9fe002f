#include "core/lifecycle/destroy.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "core/hooks/hook.h"
#include "core/lifecycle/cgroup_manager.h"
#include "core/lifecycle/hold.h"
#include "core/monitor/monitor.h"

namespace urc {
namespace {

constexpr int kExitTimeoutMs = 10'000;
// Longer than a monitor takes that has been asked to come to its end (core/monitor/attendant.h).
constexpr std::chrono::seconds kMonitorBound{20};

// A pidfd is readable as soon as its process has ended, reaped or not.
Result<void> wait_for_exit(const Pidfd& init, pid_t pid) {
    pollfd entry{.fd = init.get(), .events = POLLIN, .revents = 0};
    int ready;
    do {
        ready = ::poll(&entry, 1, kExitTimeoutMs);
    } while (ready < 0 && errno == EINTR);
    if (ready > 0) return {};
    return Error(ready < 0 ? errno : ETIMEDOUT, "wait for the end of process", std::to_string(pid));
}

// Killed processes need a moment to go, and one that hangs in the kernel much longer.
Result<void> wait_until_empty(const cgroup::Cgroup& group) {
    constexpr int kAskAgainMs = 2;  // v1 has nothing to poll
    for (int tries = 0; tries < kExitTimeoutMs / kAskAgainMs; ++tries) {
        URC_TRY(std::vector<pid_t> pids, group.pids());
        if (pids.empty()) return {};
        (void)::poll(nullptr, 0, kAskAgainMs);
    }
    return Error(ETIMEDOUT, "wait for the end of the container's processes");
}

// A dead init has taken its whole pid namespace along. Without one of its own, others may live on.
Result<void> kill_processes(const State& state, const cgroup::Cgroup* group) {
    auto init = open_process(state.init);
    if (!init && state.has_own_pid_namespace()) return {};
    if (init && ::syscall(SYS_pidfd_send_signal, init->get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH)
        return Error::last("kill", std::to_string(state.init.pid));
    // This also thaws what is frozen: on v1 a frozen process does not die.
    if (group) URC_TRY_VOID(group->kill(SIGKILL));
    if (init) URC_TRY_VOID(wait_for_exit(*init, state.init.pid));
    return group && !state.has_own_pid_namespace() ? wait_until_empty(*group) : Result<void>{};
}

}  // namespace

bool is_frozen(const State& state) {
    if (state.cgroup_paths.empty()) return false;
    auto group = open_cgroup(state);
    if (!group) return false;
    auto frozen = group->is_frozen();
    return frozen && *frozen;
}

Result<void> destroy(const Global& global, StateDir& dir, const State& state) {
    if (state.cgroup_paths.empty()) {
        URC_TRY_VOID(kill_processes(state, nullptr));
    } else {
        URC_TRY(cgroup::Cgroup group, open_cgroup(state));
        URC_TRY_VOID(kill_processes(state, &group));
        global.log.debug("phase: processes gone");
        URC_TRY_VOID(remove_cgroup(state, group));
    }
    URC_TRY_VOID(rdt::remove_group(global.rdt_host, state.rdt));
    monitor::await_monitor_end(global.log, state, kMonitorBound);
    URC_TRY_VOID(dir.remove());
    global.log.debug("phase: removed");
    hooks::run_poststop(global.log, state.hooks.poststop, {state.id, state.bundle, state.annotations});
    return {};
}

Result<void> lock_and_destroy(const Global& global, StateDir& dir) {
    URC_TRY_VOID(dir.lock());
    auto state = dir.load();
    if (!state && state.error().code() == ENOENT) return {};
    if (!state) return std::move(state).error();
    return destroy(global, dir, *state);
}

}  // namespace urc
