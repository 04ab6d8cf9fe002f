// Launch: from a bundle to a container's init that waits for its last word. `create`, `run` and `run -d`
// share it.
//
// The order of the steps keeps all that can be done beside the child off the critical path: the child mounts
// while the parent writes limits and state. core/README.md draws both sides.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/cgroup/cgroup.h"
#include "core/child/launch.h"
#include "core/lifecycle/await.h"
#include "core/ports/bound.h"
#include "core/process/channel.h"
#include "core/runtime.h"
#include "core/state/store.h"
#include "uring/fd.h"

namespace urc {

// Who says the last word: we, on the channel, at once; or `urc start`, on a socket, later. In the first case
// the word may well be there before the child has come that far, and nobody waits for anybody; in the second,
// launch() returns when the child is ready.
enum class StartedBy : std::uint8_t { channel, socket };

// Who stays with the container while it lives (core/monitor), and what it gets from them.
struct Attendance {
    pid_t pid = 0;                              // 0: nobody
    bool is_monitor = false;                    // it ends after the container; `delete` waits for it
    std::array<int, 3> stdio{-1, -1, -1};       // borrowed; -1: our own
    std::span<const ports::BoundPort> ports{};  // published; borrowed
};

struct Launched {
    std::unique_ptr<Store> store;  // outlives dir
    StateDir dir;                  // locked
    State state;
    Pidfd init;
    process::Channel channel;
    Fd terminal;       // the master of the container's terminal, verified; only where it was not handed on
    Fd notify_socket;  // where the container's messages for the manager come in
    std::optional<std::int64_t>
        memory_limit;        // for the message when the out-of-memory killer ends the set-up
    Fd network_namespace{};  // the container's, where ports are to be published
};

// On error nothing is left: no process, cgroup, mount or state directory. `hook` sees every step of parent
// and child by name before it happens; what it returns as an Error happens there (tests).
Result<Launched> launch(const Global& global, const CreateOptions& options, StartedBy started_by,
                        const child::StepHook& hook = {}, const Attendance& attendance = {});

// The last word to a container that was launched with StartedBy::channel: says go and waits until the program
// runs. On error (of any step that the child still had to do, or of execve itself) nothing is left, as with
// launch().
Result<void> release(const Global& global, Launched& container);

// After the last word: the program runs. When one fails, the container is to be destroyed.
Result<void> run_poststart_hooks(const State& state);

// The names of the parent's steps in order, for tests that make each one fail.
std::vector<std::string_view> launch_step_names();

}  // namespace urc
