// What urc calls itself and which runtime specification it speaks.
#pragma once

#include <string_view>

namespace urc {

inline constexpr std::string_view kVersion = URC_VERSION;
// Short hash of the source, "unknown" where the build does not look it up. In a file of its own, so that a
// new commit compiles only that one anew.
extern const std::string_view kCommit;
inline constexpr std::string_view kOciVersion = "1.2.1";

}  // namespace urc
