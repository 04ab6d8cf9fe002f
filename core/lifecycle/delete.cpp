// delete: the end of a container, and of what a killed creator left.
#include <csignal>

#include "core/lifecycle/destroy.h"
#include "core/lifecycle/find.h"
#include "core/lifecycle/hold.h"

namespace urc {
namespace {

// Longer than a create or a start takes; both hold the lock.
constexpr int kLockTimeoutMs = 10'000;

// No state to go by: nothing but the directory can be removed.
Result<void> remove_leftover(const Global& global, StateDir& dir, const Error& why) {
    if (why.code() != ENOENT) global.log.warning("delete: ", dir.id(), ": ", why.text());
    return dir.remove();
}

Result<void> remove_one(const Global& global, const Store& store, std::string_view id, bool is_forced) {
    auto found = store.find(id);
    if (!found && found.error().code() == ENOENT && is_forced) return {};
    if (!found) return std::move(found).error();
    StateDir& dir = *found;
    URC_TRY_VOID(dir.lock(kLockTimeoutMs));
    auto state = load_container(dir);
    if (!state) {
        if (is_forced) return remove_leftover(global, dir, state.error());
        return std::move(state).error();
    }
    // The lock is ours, so nobody is creating any more, whatever the state says.
    const bool is_abandoned = state->init.pid == 0;
    const Status status = is_abandoned ? Status::stopped : compute_status(dir, *state, is_frozen);
    const bool may_go = status == Status::stopped || status == Status::created || is_forced;
    if (!may_go)
        return Error::message("cannot delete container " + std::string(id) +
                                  " that is not stopped: " + std::string(status_word(status)),
                              EBUSY);
    // Somebody else may have put a process into the cgroup of a container whose own are gone.
    if (is_forced && status == Status::stopped && !state->cgroup_paths.empty()) {
        URC_TRY(cgroup::Cgroup group, open_cgroup(*state));
        URC_TRY_VOID(group.kill(SIGKILL));
    }
    return destroy(global, dir, *state);
}

}  // namespace

Result<void> remove(const Global& global, std::string_view id, const DeleteOptions& options) {
    if (options.is_regex)
        return for_each_match(global, id, [&](const Store& store, std::string_view match) {
            return remove_one(global, store, match, options.force);
        });
    URC_TRY(Store store, Store::open(global.root));
    return remove_one(global, store, id, options.force);
}

}  // namespace urc
