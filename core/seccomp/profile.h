// The rules of linux.seccomp as plain values, before any architecture is looked at.
//
// Three habits of runc are applied here already, since they do not depend on the architecture: a rule whose
// action is the default action says nothing; two conditions on ONE argument make two rules ("or", where
// everything else is "and"); ERRNO and TRACE without a number mean EPERM.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "uring/result.h"

namespace urc::seccomp {

inline constexpr unsigned kArgumentsMax = 6;

enum class Op : std::uint8_t { ne, lt, le, eq, ge, gt, masked_eq };

// `argument op datum`, unsigned; masked_eq: (argument & mask) == (datum & mask). Otherwise mask is all ones.
struct Condition {
    unsigned argument = 0;
    Op op = Op::eq;
    std::uint64_t mask = ~std::uint64_t{0};
    std::uint64_t datum = 0;

    bool operator==(const Condition&) const = default;
};

using Conditions = std::vector<Condition>;  // all of them hold; sorted by argument, one an argument

struct Rule {
    std::size_t index = 0;  // in linux.seccomp.syscalls, for messages
    std::vector<std::string> names;
    std::uint32_t action = 0;              // SECCOMP_RET_* with its data
    std::vector<Conditions> alternatives;  // one of them holds; never empty, an empty one always holds
    bool says_nothing = false;  // the default action, in other words; its names still count as known
};

struct Profile {
    bool is_empty = true;  // neither a default action nor a rule: no filter is wanted
    std::uint32_t default_action = 0;
    std::vector<std::uint32_t> architectures;  // SCMP_ARCH_*, the native one first, no duplicates
    std::vector<Rule> rules;
    unsigned flags = 0;  // as in Program
    bool has_notify = false;
    std::string listener_path;
    std::string listener_metadata;
};

Result<Profile> parse_profile(std::string_view section);

}  // namespace urc::seccomp
