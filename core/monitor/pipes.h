// Pipes: between a container and who attends it, and the host's ports that are published. Made before
// anything else, because the one who launches the container and the one who attends it may be two processes.
#pragma once

#include <array>

#include "core/lifecycle/launch.h"
#include "core/ports/bound.h"
#include "core/runtime.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::monitor {

struct Pipes {
    std::array<Fd, 3> container;  // what it gets as 0, 1, 2; not open: our own
    Fd in, out, err;              // the other ends; `in` does not block
    // In the order given. The sockets that are handed over are the container's, the others its attendant's.
    std::vector<ports::BoundPort> ports;

    // Without sinks: no pipes. `is_detached`: its stdin is not the caller's but empty, or open for `attach`.
    static Result<Pipes> make(const CreateOptions& options, bool is_detached);

    // For launch(), where the process `pid` stays with the container. Borrows.
    Attendance attendance(pid_t pid, bool is_monitor) const;

    // With their sockets, which are then not here any more.
    std::vector<ports::BoundPort> take_relayed_ports();

    void close_containers_ends();
    void close_attendants_ends();
};

}  // namespace urc::monitor
