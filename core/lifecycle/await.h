// What the parent waits for on the channel: that its child is ready, and that the program runs. `create`,
// `run` and `exec` share it.
#pragma once

#include <functional>

#include "core/log.h"
#include "core/process/channel.h"
#include "core/process/spawn.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc {

// Where the terminal of a child goes: on through `socket` (--console-socket), or it stays here as `master`.
struct Console {
    bool is_wanted = false;
    Fd socket;
    Fd master;
    bool has_come = false;
};

// After a stage that joins namespaces: the process that it cloned as our child. Reaps the stage.
Result<process::Cloned> await_successor(const process::Channel& channel, const Pidfd& stage);

// Until the child has nothing left to do but its last page; its terminal comes before that, and is verified.
// Its Error when it gives up.
Result<void> await_ready(const Log& log, const process::Channel& channel, Console& console);

// The same for a stage whose last page clones the program's process: gives that one, and reaps the stage.
Result<process::Cloned> await_clone(const Log& log, const process::Channel& channel, Console& console,
                                    const Pidfd& stage);

// After such a stage has been killed and reaped: the process that it may have told of meanwhile goes, too.
void discard_clone(const process::Channel& channel);

// The same until all mounts of the child are there and it waits for the word `pivot`.
Result<void> await_mounted(const Log& log, const process::Channel& channel, Console& console);

// What becomes of the listener of a seccomp filter that notifies (seccomp_agent.h). Empty: nobody wants one.
using TakeListener = std::function<Result<void>(Fd)>;

// Reads what the child has to say until it becomes the program (the channel ends), or its Error. `child`:
// where a listener is that comes as a number, not as a descriptor.
Result<void> await_program(const Log& log, const process::Channel& channel, const TakeListener& take,
                           const Pidfd* child = nullptr);

// The last word: says go, with `text`, and waits until the program runs.
Result<void> say_go(const Log& log, const process::Channel& channel, const TakeListener& take,
                    const Pidfd* child = nullptr, std::string_view text = {});

// `error` may be only the consequence of a child that has given up meanwhile and closed the channel; what the
// child has to say is the cause then.
Error better_error(Error error, const process::Channel& channel);

// SIGKILLs the process behind `pidfd`, our child, and reaps it.
void kill_and_reap(const Pidfd& pidfd);

}  // namespace urc
