// The host's side of a port: the socket that is bound there, and why it cannot be.
#pragma once

#include "core/ports/spec.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::ports {

// A listening TCP socket, or a bound UDP one. An empty address and `::` take IPv4 as well, unless the
// protocol is of one family; on a host without IPv6 they are 0.0.0.0. `spec.host_port` is set to the port.
// A port in use: one line with the process that has it, where it can be found out. A privileged one: the
// sysctl that makes it so.
Result<Fd> bind_host_port(Spec& spec);

// `, which is held by nginx (pid 123)`; empty when nobody can be found: it may be another user's, or in
// another pid namespace. Reads /proc/net of the caller's network namespace and all of /proc/PID/fd.
std::string describe_holder(const Spec& spec);

}  // namespace urc::ports
