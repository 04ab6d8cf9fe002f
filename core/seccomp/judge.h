// What a filter says to a call, before it is loaded.
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <span>

namespace urc::seccomp {

struct Call {
    long number;
    std::array<std::uint64_t, 6> arguments{};
};

// Whether the program lets this call of the native architecture through (SECCOMP_RET_ALLOW, or LOG). False
// for a program that the kernel would refuse.
bool allows(std::span<const sock_filter> program, const Call& call);

}  // namespace urc::seccomp
