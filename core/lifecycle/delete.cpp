// delete: the end of a container, and of what a killed creator left.
//
// --force waits for nobody for long. Who holds the lock is at work on the container, and may wait for a hook
// without end: then the container is killed first, which ends all that happens inside; then the children of
// the holder, so that it gives up in order and undoes what it has done; and at last the holder.
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "core/lifecycle/destroy.h"
#include "core/lifecycle/find.h"
#include "core/lifecycle/hold.h"
#include "core/state/holder.h"

namespace urc {
namespace {

// Longer than a create or a start takes; both hold the lock.

// --force: for a create or a start that does well; then for one whose hook was killed; then for the kernel.
constexpr int kPatienceMs = 1'500;
constexpr int kUndoMs = 4'000;
constexpr int kEndMs = 2'000;

// Without the lock: what the state says now is what is killed.
void kill_container(const StateDir& dir) {
    auto state = dir.load();
    if (!state) return;
    if (auto init = open_process(state->init); init.ok())
        ::syscall(SYS_pidfd_send_signal, init->get(), SIGKILL, nullptr, 0);
    if (state->cgroup_paths.empty()) return;
    if (auto group = open_cgroup(*state); group.ok()) (void)group->kill(SIGKILL);
}

Result<void> lock_by_force(const Global& global, StateDir& dir) {
    auto locked = dir.lock(kPatienceMs);
    if (locked.ok() || locked.error().code() != ETIMEDOUT) return locked;
    global.log.warning("delete: ", dir.id(), ": ", locked.error().text(), ", which is ended now");
    kill_container(dir);
    if (auto holder = find_holder(dir.fd()); holder && holder->is_urc()) holder->kill_children();
    locked = dir.lock(kUndoMs);
    if (locked.ok() || locked.error().code() != ETIMEDOUT) return locked;
    if (auto holder = find_holder(dir.fd()); holder && holder->is_urc()) {
        holder->kill_children();
        holder->kill();
    }
    return dir.lock(kEndMs);
}

Result<void> remove_one(const Global& global, const Store& store, std::string_view id, bool is_forced) {
    auto found = store.find(id);
    if (!found && found.error().code() == ENOENT && is_forced) return {};
    if (!found) return std::move(found).error();
    StateDir& dir = *found;
    URC_TRY_VOID(is_forced ? lock_by_force(global, dir) : dir.lock());
    auto state = load_container(dir);
    if (!state) {
        // Without a state nothing was made yet but the directory. With one that cannot be read there may be
        // processes and cgroups, and to forget them is the worst that could be done.
        if (is_forced && state.error().code() == ENOENT) return dir.remove();
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
