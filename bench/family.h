// Family: a program and what it has started, measured from outside. For programs that fork for each
// connection, or that are several processes from the start.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace urc::bench {

// `root` and its descendants, but for those whose comm is `stranger` (with theirs).
std::vector<pid_t> family_of(pid_t root, std::string_view stranger);

// User and system time of all of them, and of the children that they have waited for. Counted in the kernel's
// clock ticks, 10 ms each.
double cpu_seconds_of(const std::vector<pid_t>& family);

// Private_Clean and Private_Dirty, together.
std::uint64_t private_kib_of(const std::vector<pid_t>& family);

}  // namespace urc::bench
