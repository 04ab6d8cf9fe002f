// A published port as it goes over monitor.sock (protocol.h).
#pragma once

#include <optional>

#include "core/monitor/protocol.h"
#include "core/ports/spec.h"
#include "core/ports/stats.h"

namespace urc::monitor {

Port pack_port(const ports::Spec& spec, const ports::Stats& stats = {});

// nullopt when it is none: no protocol, a text without end. Whether the addresses are some is
// ports::checked's to say.
std::optional<ports::Spec> unpack_spec(const Port& port);
ports::Stats unpack_stats(const Port& port);

}  // namespace urc::monitor
