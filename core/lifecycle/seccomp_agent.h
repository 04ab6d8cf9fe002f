// The agent that answers what a seccomp filter notifies: a stranger's process that listens at
// linux.seccomp.listenerPath (runtime-spec: config-linux.md, "containerProcessState").
//
//   urc                                           agent
//     |--- connect (SOCK_STREAM) -------------------->|
//     |--- the state, JSON, with [listener] --------->|   one sendmsg(2)
//     |--- end of file ------------------------------>|   one connection a process
#pragma once

#include <sys/types.h>

#include <string>

#include "core/lifecycle/await.h"
#include "core/state/state.h"
#include "uring/result.h"

namespace urc {

// Whether there can be an agent at `path`; it is not called yet, since it may serve one caller at a time.
Result<void> check_agent(const std::string& path);

// For await_program: sends the listener of the process `pid` to the agent that `state` names. `state` is
// borrowed. Empty when it names none. `status` is that of the container: `creating` with the init, whose
// filter other runtimes load before it waits for `start`, and agents know that word for it.
TakeListener pass_to_agent(const State& state, pid_t pid, Status status);

}  // namespace urc
