// Answers as text: the JSON of `state`, `list` and `events`, the table of `list`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/runtime.h"

namespace urc::cli {

// runc's keys in runc's order, indented, with a newline at the end.
std::string state_json(const StateView& view);
// One line.
std::string list_json(std::span<const StateView> views);
// ID PID STATUS BUNDLE CREATED OWNER; columns three blanks apart and at least twelve wide.
std::string list_table(std::span<const StateView> views);

// `port list`: the host's side, the container's, the protocol.
std::string ports_table(std::span<const PublishedPort> ports, bool has_stats);
std::string ports_json(std::span<const PublishedPort> ports, bool has_stats);
// A port that urc has picked, on stdout: a line `HOSTIP:PORT -> CHILDIP:PORT/PROTOCOL`.
Result<void> tell_published(const ports::Spec& asked, const ports::Spec& opened);

// A line of `events`: of type "stats", or "oom" for nullptr.
std::string event_json(std::string_view id, const ContainerStats* stats);

}  // namespace urc::cli
