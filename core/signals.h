// Signals by name, and without their past.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <string_view>

#include "uring/result.h"

namespace urc {

// From what callers give: "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3", "SIGRTMAX-1".
// The number, 0 allowed (only asks whether the process is there); nullopt for anything that is no signal.
std::optional<int> parse_signal(std::string_view text);

// For a signalfd (signalfd(2)): all that can be caught, but for those that a fault of our own raises.
// Blocked, those would hide it. SIGABRT is taken: abort(3) unblocks its own, and systemd ends by it a unit
// whose watchdog is not fed, which is for the container to hear.
sigset_t all_signals_but_faults();

// Every signal to its default and none blocked: SIG_IGN and the mask survive execve (signal(7)), and a caller
// that ignores SIGPIPE must not make every container do so.
Result<void> reset_signals();

}  // namespace urc
