// What urc calls itself and which runtime specification it speaks.
#pragma once

#include <string_view>

namespace urc {

inline constexpr std::string_view kVersion = URC_VERSION;
#ifdef URC_COMMIT
inline constexpr std::string_view kCommit = URC_COMMIT;
#else
inline constexpr std::string_view kCommit = "unknown";
#endif
inline constexpr std::string_view kOciVersion = "1.2.1";

}  // namespace urc
