// The seccomp filter of a configuration as raw instructions, for the floor, which only loads bytes. It is
// urc's own compiler that makes it: the floor shall not be slow for having a worse filter than urc.
#pragma once

#include <string>
#include <string_view>

#include "uring/result.h"

namespace urc::bench {

// An array of sock_filter as bytes; empty when the document has no linux.seccomp.
Result<std::string> seccomp_filter(std::string_view config);

}  // namespace urc::bench
