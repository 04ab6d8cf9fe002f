// The monitor: the process that `run -d` and `create` leave behind when output is to be relayed, a manager to
// be told or a port to be published. It prepares before there is a container, has an Attendant beside it, and
// ends after it.
//
// Who is the container's parent depends on who wants to know how it ends.
//
//   sinks and ports alone: the monitor is, and tells `attach` the exit status
//     urc                               monitor
//      |--- clone3 ---------------------->|  a session of its own; dies with urc until the container is there
//      |                                  |  sinks; launch, last word
//      |<-- done | refused(text) ---------|
//
//   a manager ($NOTIFY_SOCKET): urc is, and when it has ended whoever adopts its children: systemd, which
//   reaps the main process of a unit that way and no other
//     urc                               monitor
//      |--- clone3 ---------------------->|  sinks
//      |<-- done | refused(text) ---------|
//      |  launch                          |
//      |--- handover [pidfd, ...] ------->|  takes it
//      |<-- done | refused(text) ---------|  create: urc ends here
//      |  last word                       |
//      |--- signal(number) -------------->|  run: what comes to urc is for the container
//      |<-- done -------------------------|  READY=1 has gone upstream, with MAINPID=
//      |<-- ended ------------------------|  or it ended before that: urc removes it, its exit status is
//      urc's
//
//   ports alone, of a container that runs already: nobody's child that it could wait for; its pidfd tells
//     urc port add                      monitor
//      |--- clone3 ---------------------->|  it opens the network namespace when it is asked for a port
//      |<-- done | refused(text) ---------|  monitor.sock is there; the rest goes that way
//
// Signals to the monitor: SIGHUP rotates the files. SIGTERM means that somebody waits for its end: once the
// container has ended, sinks get Attendant::kHurryBound to take what is left. While the container lives it
// changes nothing, since systemd sends it to all that is in the unit's cgroup.
#pragma once

#include <chrono>

#include "core/lifecycle/hold.h"
#include "core/lifecycle/launch.h"
#include "core/runtime.h"

namespace urc::monitor {

// For `run` (StartedBy::channel) and `create`, when there is something to attend to (Attendant::is_wanted)
// and nobody stays in the foreground. The exit status for urc: 0, or that of a container that ended before it
// was ready.
Result<int> launch_monitored(const Global& global, const CreateOptions& options, StartedBy started_by);

// For a container that runs and that nobody attends to: a monitor that is not its parent, and ends after it.
// It becomes held.state.monitor, which is the caller's to save; the caller may still kill it. On error nobody
// is there.
Result<Pidfd> start_monitor(const Global& global, Held& held);

// Before a container's directory is removed: asks its monitor to come to its end and waits for it; kills it,
// with a warning, when it does not within `bound`. Nothing happens when there is none, or when it is us.
void await_monitor_end(const Log& log, const State& state, std::chrono::milliseconds bound);

}  // namespace urc::monitor
