// Hooks: programs that whoever wrote config.json wants to have run at fixed moments of a container's life
// (runtime-spec: config.md "POSIX-platform Hooks", runtime.md "Lifecycle").
//
//   kind             where                                 when                                  status
//   prestart         the runtime's namespaces              mounts are made, before pivot_root    created
//   createRuntime    the same                              right after prestart                  creating
//   createContainer  the container's, paths of the host    right after createRuntime             creating
//   startContainer   inside, as confined as the program    right before execve                   created
//   poststart        the runtime's namespaces              the program runs                      running
//   poststop         the runtime's namespaces              container, cgroup and state are gone  stopped
//
// A hook reads the state document on standard input. The status in it is the specification's, but for
// prestart: that name dates from when there was no `creating`, and validators still ask for `created`.
//
// The first hook that fails ends its kind and the step it belongs to; what has been done is undone and the
// poststop hooks have their turn. Only poststop goes on: nothing is left that could be undone.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/process.h"
#include "core/log.h"
#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::hooks {

enum class Kind : std::uint8_t {
    prestart,
    create_runtime,
    create_container,
    start_container,
    poststart,
    poststop
};

// The code of every Error of a hook: it tells a hook that failed from a program that cannot be executed.
inline constexpr int kHookFailed = ECANCELED;

// The container that the hooks are about. All is borrowed.
struct Subject {
    std::string_view id;
    std::string_view bundle;
    const spec::StringMap& annotations;
    pid_t pid = 0;  // of the init, as the hook sees it; 0: there is none, and the document has no `pid`
};

// Runs them one after the other, each to its end. Error (kHookFailed): "error running createRuntime hook #1:
// exit status 3: LAST LINE OF ITS OUTPUT".
Result<void> run(Kind kind, const std::vector<spec::Hook>& hooks, const Subject& subject,
                 const Become& become = {});

// All of them have their turn; failures are warnings in the log.
void run_poststop(const Log& log, const std::vector<spec::Hook>& hooks, const Subject& subject);

// The state document (runtime.md "State"), compact, on one line.
std::string state_document(Kind kind, const Subject& subject);

}  // namespace urc::hooks
