// exec: one more process in a container that runs.
//
//   urc exec ID                                      the child (core/child/main.cpp, kExecSteps)
//   -----------                                      -------------------------------------------
//   container       state, cgroup, pidfd of its init; the lock is held while it is read, and no longer
//   process         config.json and options, or --process
//   pid file        opened beside its place
//   sub cgroup      --cgroup
//   compare namespaces: those in which init is and we are not
//   prepare seccomp
//   spawn           not dumpable;
//                   clone3 (CLONE_INTO_CGROUP) ----> session, labels
//                                                    cgroup      v1: "0" into tasks
//                                                    namespaces  setns(pidfd of init, all at once)
//                                                    descriptors the host's are gone
//                                                    keyring, scheduling, personality, terminal, stdio,
//                                                    bounding set, user, program
//                                                    last page   leaves urc's image; capabilities
//   await ready     <------------------------ spawned            clone --------> the program's process
//   limit process   oom_score_adj                                exits            session
//   pidfd socket
//   last word       go ----------------------------------------------------------->
//                   <--------------------------------------------- end of file    seccomp, execve
//   publish pid     only now: conmon takes the pid file for success
//
// The process is named by pidfds throughout. The pidfd of init was opened and found alive after the cgroup's
// directories were: so those are the container's own, and not of another one that came to its name.
//
// CVE-2016-9962: what enters a container can be seen there, from its first moment in the pid namespace on.
// That moment is the last but a few calls (child/enter.cpp). In a container with a user namespace of its own
// it may be the first: there, not being dumpable keeps everybody out until execve. So our children are born
// in the pid namespace, the child joins the rest itself, limits come before it is ready, and only terminals
// have the parent wait for that. Where we may not have children in the pid namespace (rootless), a stage that
// is not in it joins all the others first and then clones the child as ours.
#pragma once

#include <string_view>
#include <vector>

#include "core/child/launch.h"
#include "core/runtime.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc {

struct Executed {
    pid_t pid = 0;
    Pidfd process;
    Fd terminal;  // the master, verified; only where it was not handed on
};

// When it returns, the program runs. On error nothing is left: no process, no file. `hook` sees every step of
// parent and child by name before it happens; what it returns as an Error happens there (tests).
Result<Executed> start_exec(const Global& global, const ExecOptions& options,
                            const child::StepHook& hook = {});

// The names of the parent's steps in order, for tests that make each one fail.
std::vector<std::string_view> exec_parent_step_names();

}  // namespace urc
