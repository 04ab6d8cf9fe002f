// Host ports that are bound before the container whose they are is made, so that one in use is an error of
// `run` and leaves nothing behind. Clients that come before somebody accepts wait in the backlog.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/ports/spec.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::ports {

struct BoundPort {
    Spec spec;  // with nothing left open: its ports and addresses are chosen
    Fd socket;  // as bind_host_port() makes it; that of a handover blocks, as programs expect of it
};

// All of them, or the Error of the first that cannot be bound (listen.h).
Result<std::vector<BoundPort>> bind_ports(std::span<const Spec> specs);

// What $LISTEN_FDNAMES calls the socket of a handover: "80/tcp", by the port that the program knows.
std::string listen_name(const Spec& spec);

}  // namespace urc::ports
