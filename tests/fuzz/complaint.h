// What a complaint about a document has to look like, whatever the document says.
#pragma once

#include <string>

#include "uring/check.h"
#include "uring/result.h"

namespace urc::fuzz {

// A path has at most ten parts, each cut to what fits a message.
inline constexpr std::size_t kMessageMax = 1024;

inline void check_message(const std::string& text) {
    URC_CHECK(!text.empty() && text.size() <= kMessageMax);
    for (char c : text) URC_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

inline void check_verdict(const Result<void>& result) {
    if (!result.ok()) check_message(result.error().text());
}

}  // namespace urc::fuzz
