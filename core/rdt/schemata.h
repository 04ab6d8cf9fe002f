// The text of a group's `schemata`: a line a resource, "L3:0=ff;1=c0" or "MB:0=20;1=70", the values of each
// domain (a cache, mostly) in hexadecimal or, of MB, in decimal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "uring/result.h"

namespace urc::rdt {

// What l3CacheSchema and memBwSchema come to, each line with its newline. As the specification has it, a line
// for memory bandwidth in l3CacheSchema does not count.
std::string join_schemas(std::string_view l3_cache, std::string_view mem_bw);
std::string join_schemas(const std::vector<std::string>& schemata);

// An Error unless all that `wanted` says is already so in `current`. Neither order nor leading zeros matter,
// and `bandwidth_step` (0: none) is what the kernel rounds MB up to.
Result<void> check_same(std::string_view wanted, std::string_view current, unsigned bandwidth_step);

}  // namespace urc::rdt
