// Strict numbers: the whole string or nothing. No sign, no blanks, no "0x", no wrap-around; an empty string
// is not zero. CVE-2026-30892 and CVE-2024-40635 (a user that silently became root) are what lenient parsing
// leads to.
#pragma once

#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <string_view>

namespace urc {

// Digits only (a leading '-' where T is signed); nullopt when anything else is there or `max` is exceeded.
template <std::integral T>
std::optional<T> parse_number(std::string_view text, T max = std::numeric_limits<T>::max(), int base = 10) {
    T value{};
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data(), end, value, base);
    if (text.empty() || error != std::errc{} || stop != end || value > max) return std::nullopt;
    return value;
}

}  // namespace urc
