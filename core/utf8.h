// UTF-8 as strangers write it: what is well-formed and what is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace urc {

// The length of the well-formed UTF-8 sequence at the start of `text`, or 0 (Unicode 15, table 3-7: no
// overlong forms, no surrogates, nothing past U+10FFFF).
inline std::size_t utf8_length(std::string_view text) {
    auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0; };
    auto continues = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
    const int first = byte(0), second = byte(1);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
    if ((first & 0xF0) == 0xE0) {
        if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
        return continues(1) && continues(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
        return continues(1) && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

inline bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace urc
