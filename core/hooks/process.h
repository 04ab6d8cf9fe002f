// One hook's process, from clone3 to waitid.
//
//   urc                                         the hook (a session of its own)
//     |  clone3, pidfd                             |
//     |=== pipe: the document ===================> 0   not read, or closed early: no error
//     |<== pipe: the end of it is kept =========== 1, 2   never urc's own stdout
//     |<-- report: why it could not be executed -- |   close-on-exec, as all other descriptors
//     |<-- pidfd readable: it has ended ---------- |   or its time is over: SIGKILL to its process group
//
// What a hook leaves behind (a daemon) is not waited for, even if it holds the pipes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/process/channel.h"
#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::hooks {

// How the process turns into the hook, when a plain execve will not do. Called in it with 0, 1 and 2 in
// place; does not return. Failures go to `report`.
using Become = std::function<void(const spec::Hook& hook, const process::Channel& report)>;

// All borrowed.
struct Call {
    const spec::Hook& hook;
    std::string_view document;
    const std::string& directory;  // to be run in, or in / where that cannot be entered; empty: in ours
    const Become& become;          // empty: execve
};

// Its arguments: args[0] is the hook's to choose; without any it is the path.
std::vector<std::string> arguments_of(const spec::Hook& hook);

// Waits until the hook has ended, at most hook.timeout_s. Error texts: "exit status 3: last line", "killed by
// signal 9", "timeout 5s exceeded", "exec PATH: no such file or directory".
Result<void> run_process(const Call& call);

}  // namespace urc::hooks
