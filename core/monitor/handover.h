// What the launching process hands to the monitor when it is the container's parent itself: descriptors by
// SCM_RIGHTS; the rest is in state.json.
#pragma once

#include "core/lifecycle/launch.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::monitor {

struct Handover {
    Fd directory;  // ROOT/ID
    Pidfd init;
    Fd terminal, notify_socket, network_namespace;  // where there are any
};

// The container keeps its descriptors, but for terminal, notify socket and network namespace, which are the
// monitor's alone.
Result<void> send_handover(int socket, Launched& container);
// ECHILD when the other side has given up.
Result<Handover> receive_handover(int socket);

}  // namespace urc::monitor
