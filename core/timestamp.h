// Points in time as text. Always UTC: gmtime(3) reads /etc/localtime on its first call, and a log from two
// hosts is easier to read in one zone.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace urc {

// RFC 3339 with `digits` (0 to 9) digits of the second's fraction: "2026-01-31T09:05:00.25Z".
std::string rfc3339(const timespec& time, int digits);

// The reverse, for UTC ("Z") only; an epoch of zeros when the text is none.
timespec parse_rfc3339(const std::string& text);

timespec now();
std::int64_t monotonic_us();

}  // namespace urc
