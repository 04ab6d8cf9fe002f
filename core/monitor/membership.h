// Which processes belong to a container, for who speaks for it (core/notify/sender.h): those in its cgroup
// and below. Taken down once its init has joined it, in the words of /proc/PID/cgroup, so that it takes one
// read to ask.
#pragma once

#include <optional>
#include <string>

#include "core/notify/proxy.h"
#include "core/state/state.h"

namespace urc::monitor {

// What the proxy asks about the container of `state`, whose init is there. Without a cgroup: who is in the
// init's pid namespace belongs to it; where that is the host's as well, everybody who reaches the socket.
void describe_membership(const State& state, notify::ProxyOptions& options);

}  // namespace urc::monitor
