// A container that a verb is about to change, held by its lock: nobody starts, pauses or deletes it
// meanwhile.
#pragma once

#include <string_view>

#include "core/cgroup/cgroup.h"
#include "core/runtime.h"
#include "core/state/store.h"

namespace urc {

struct Held {
    Store store;  // outlives dir
    StateDir dir;
    State state;
    Status status;

    bool is_running() const { return status == Status::running || status == Status::created; }
};

// Waits for the lock at most 10 s. ENOENT "container does not exist".
Result<Held> hold(const Global& global, std::string_view id);

// The cgroup that `state` names.
Result<cgroup::Cgroup> open_cgroup(const State& state);

// For the verbs that cannot do without: "the container has no cgroup" when it was made without one.
Result<cgroup::Cgroup> require_cgroup(const State& state);

// Without the rights of the host's root on the cgroup, `verb` may not be possible.
void warn_if_rootless(const Global& global, const State& state, std::string_view verb);

// "container not running", the words that CRI-O, podman and containerd's shim look for.
Error not_running();

}  // namespace urc
