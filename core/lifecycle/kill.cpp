// kill: a signal to the init, by pidfd, or to all processes of the cgroup.
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "core/lifecycle/destroy.h"
#include "core/lifecycle/find.h"
#include "core/lifecycle/hold.h"

namespace urc {
namespace {

Result<void> signal_init(const State& state, int signal) {
    auto init = open_process(state.init);
    if (!init && init.error().code() == ESRCH) return not_running();
    if (!init) return std::move(init).error();
    if (::syscall(SYS_pidfd_send_signal, init->get(), signal, nullptr, 0) == 0) return {};
    return errno == ESRCH ? not_running() : Error::last("kill", std::to_string(state.init.pid));
}

Result<void> signal_all(const State& state, const cgroup::Cgroup& group, const KillOptions& options) {
    if (!options.all && !is_alive(state.init)) {
        URC_TRY(std::vector<pid_t> pids, group.pids());
        if (pids.empty()) return not_running();
    }
    return group.kill(options.signal);
}

Result<void> kill_one(const Store& store, std::string_view id, const KillOptions& options) {
    URC_TRY(StateDir dir, store.find(id));
    URC_TRY(State state, load_container(dir));
    // Only a pid namespace of its own makes all processes end with the init.
    const bool is_end_of_all = options.signal == SIGKILL && !state.has_own_pid_namespace();
    const bool has_cgroup = !state.cgroup_paths.empty();
    if (!has_cgroup || !(options.all || options.signal == SIGKILL)) {
        auto sent = signal_init(state, options.signal);
        const bool is_gone = !sent && sent.error().code() == ESRCH;
        return options.all && is_gone ? Result<void>{} : sent;
    }
    URC_TRY(cgroup::Cgroup group, open_cgroup(state));
    if (options.all || is_end_of_all) return signal_all(state, group, options);
    URC_TRY_VOID(signal_init(state, options.signal));
    // A frozen process of v1 takes even SIGKILL only when it is thawed.
    if (is_frozen(state)) return group.thaw();
    return {};
}

}  // namespace

Result<void> kill(const Global& global, std::string_view id, const KillOptions& options) {
    if (options.is_regex)
        return for_each_match(global, id, [&](const Store& store, std::string_view match) {
            return kill_one(store, match, options);
        });
    URC_TRY(Store store, Store::open(global.root));
    return kill_one(store, id, options);
}

}  // namespace urc
