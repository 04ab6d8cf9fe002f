// Option values that are more than a word: sizes, durations, numbers with a sign. Spelled as in Go, where the
// callers come from; strict: the whole text or nothing.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "core/logs/instant.h"
#include "core/number.h"
#include "uring/result.h"

namespace urc::cli {

// "50M", "1.5g", "512 KiB", "4096", "10b": bytes; the suffixes k m g t p are powers of 1024 in either case.
// nullopt for everything else, negative numbers among them, and for more than 2^63-1.
std::optional<std::int64_t> parse_size(std::string_view text);

// "1m30s", "100ms", "1.5h", "2us": a sum of numbers with units (ns us ms s m h), maybe with a sign; "0".
// nullopt for everything else and for more than 290 years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

// A point in time: RFC 3339 (UTC where no offset is given), a date, seconds since 1970 with an optional
// fraction, or a duration, which is counted back from `now`.
std::optional<logs::Instant> parse_point_in_time(std::string_view text, const timespec& now);

// The usage error of a value that `option` does not take: what is expected comes last.
Error wrong_value(std::string_view option, std::string_view value, std::string_view expected);

// Sets `target` when the option was given. "-1" is a number where T is signed.
template <std::integral T>
Result<void> take_number(std::string_view option, const std::optional<std::string>& given,
                         std::optional<T>& target) {
    if (!given) return {};
    target = parse_number<T>(*given);
    if (!target) return wrong_value(option, *given, "a number");
    return {};
}

// A size, or -1 for no limit.
Result<void> take_size(std::string_view option, const std::optional<std::string>& given,
                       std::optional<std::int64_t>& target);

}  // namespace urc::cli
