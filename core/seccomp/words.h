// The words of linux.seccomp and what they are to the kernel and to libseccomp.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/seccomp/profile.h"

namespace urc::seccomp {

// "SCMP_ACT_ERRNO" -> SECCOMP_RET_ERRNO, without data.
std::optional<std::uint32_t> action_by_name(std::string_view name);

std::optional<Op> op_by_name(std::string_view name);

// "SCMP_ARCH_X86_64" -> its token; nullopt also for those that this libseccomp is too old for.
std::optional<std::uint32_t> architecture_by_name(std::string_view name);

// "SECCOMP_FILTER_FLAG_LOG" -> its bit.
std::optional<unsigned> flag_by_name(std::string_view name);

// One filter sees numbers of one byte order; libseccomp refuses a mixture, too.
bool has_our_byte_order(std::uint32_t architecture);

// All the words of a kind that a profile on this machine may use: what `features` prints.
struct Words {
    std::vector<std::string_view> actions, operators, architectures, flags;
};
Words known_words();

}  // namespace urc::seccomp
