// attach: this process's standard streams beside the container's, by way of its monitor (protocol.h draws
// the packets).
//
//   stdin  --detach keys--> input, end_of_input --> monitor      not read when nobody inside could
//   SIGWINCH -------------> resize -------------->               with a terminal on both sides
//   stdout, stderr <------- out, err <------------
//   signals --------------> kill(2) of the init                  not those of job control: they stop us
//
// A stdout that stands still holds up nobody but us: the monitor skips then, and says how much.
#pragma once

#include "core/runtime.h"
#include "core/terminal/caller.h"
#include "uring/fd.h"
#include "uring/loop.h"

namespace urc::monitor {

// What attach() works with once it is connected. Tests bring their own streams and do not kill.
struct AttachSession {
    Fd socket;
    const Log& log;
    terminal::Caller::Streams streams{};
    std::function<void(int signal)> forward_signal;  // to the container's init
};

// From the first packet to the last. ECONNRESET when the monitor ends before the container.
Result<AttachEnd> attach_to(AttachSession session, const AttachOptions& options);

}  // namespace urc::monitor
