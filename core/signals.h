// Signal names as callers give them: "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3", "SIGRTMAX-1".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace urc {

// The number, 0 allowed (only asks whether the process is there); nullopt for anything that is no signal.
std::optional<int> parse_signal(std::string_view text);

}  // namespace urc
