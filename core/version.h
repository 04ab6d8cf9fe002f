// What urc calls itself and which runtime specification it speaks.
#pragma once

#include <string_view>

namespace urc {

inline constexpr std::string_view kVersion = URC_VERSION;
inline constexpr std::string_view kOciVersion = "1.2.1";

}  // namespace urc
