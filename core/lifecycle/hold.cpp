#include "core/lifecycle/hold.h"

#include "core/lifecycle/destroy.h"
#include "core/lifecycle/find.h"

namespace urc {

namespace {
// Longer than a create or a start takes; both hold the lock.
}  // namespace

Result<Held> hold(const Global& global, std::string_view id) {
    URC_TRY(Store store, Store::open(global.root));
    URC_TRY(StateDir dir, store.find(id));
    URC_TRY_VOID(dir.lock());
    URC_TRY(State state, load_container(dir));
    // The lock is ours: a container without an init is what a killed creator left.
    const Status status = state.init.pid == 0 ? Status::stopped : compute_status(dir, state, is_frozen);
    return Held{std::move(store), std::move(dir), std::move(state), status};
}

Result<cgroup::Cgroup> open_cgroup(const State& state) {
    return cgroup::Cgroup::open({.paths = state.cgroup_paths, .made = state.cgroups_made}, state.rootless);
}

Result<cgroup::Cgroup> require_cgroup(const State& state) {
    if (state.cgroup_paths.empty()) return Error::message("the container has no cgroup", ENOENT);
    return open_cgroup(state);
}

void warn_if_rootless(const Global& global, const State& state, std::string_view verb) {
    if (state.rootless) global.log.warning(verb, " may fail if you don't have the full access to cgroups");
}

Error not_running() {
    return Error::message("container not running", ESRCH);
}

}  // namespace urc
