// Launch: from a bundle to a container's init that waits for its last word. `create`, `run` and `run -d`
// share it.
//
// The order of the steps keeps all that can be done beside the child off the critical path: the child mounts
// while the parent writes limits and state. core/README.md draws both sides.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "core/cgroup/cgroup.h"
#include "core/child/launch.h"
#include "core/process/channel.h"
#include "core/runtime.h"
#include "core/state/store.h"
#include "uring/fd.h"

namespace urc {

// What waits behind a launch: the last word comes from us now, or from `urc start` later.
enum class StartedBy : std::uint8_t { channel, socket };

struct Launched {
    std::unique_ptr<Store> store;  // outlives dir
    StateDir dir;                  // locked
    State state;
    Pidfd init;
    process::Channel channel;
    Fd terminal;  // the master of the container's terminal, verified; only where it was not handed on
};

// On error nothing is left: no process, cgroup, mount or state directory. `hook` sees every step of parent
// and child by name before it happens; what it returns as an Error happens there (tests).
Result<Launched> launch(const Global& global, const CreateOptions& options, StartedBy started_by,
                        const child::StepHook& hook = {});

// Says go on the channel and waits until the program runs: the end of the channel, or the Error that came
// instead.
Result<void> release(process::Channel& channel);

// SIGKILLs the process behind `pidfd`, our child, and reaps it.
void kill_and_reap(const Pidfd& pidfd);

// The names of the parent's steps in order, for tests that make each one fail.
std::vector<std::string_view> launch_step_names();

}  // namespace urc
