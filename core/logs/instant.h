// Points in time of log records and of --since and --until: nanoseconds since the epoch, so 1677 to 2262.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace urc::logs {

using Instant = std::chrono::sys_time<std::chrono::nanoseconds>;

// RFC 3339 as people and loggers write it: a date alone, or with a time ('T', 't' or a blank between them),
// maybe with a fraction and an offset; without an offset it is UTC. nullopt for everything else: no day 31
// in June, no second 60 (that instant has no number), nothing behind it.
std::optional<Instant> parse_instant(std::string_view text);

// "2026-01-31T09:05:00.000000000Z"
std::string instant_text(Instant instant);

}  // namespace urc::logs
