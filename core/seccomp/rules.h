// The rules of a profile as one architecture sees them: syscall numbers, arguments of its width, and what
// several rules on one syscall mean together. The answers are libseccomp's (db.c, syscalls.c of 2.5), since a
// profile must not mean something else under urc than under runc:
//
// - A rule without conditions beats every rule with conditions on its syscall, whatever came first; of two
//   rules without conditions the first counts.
// - Otherwise a call gets the action of a rule whose conditions it meets, and the default action when there
//   is none. Profiles should not let two rules with different actions meet in one call; when they do, the
//   order is libseccomp's: the later argument first, then ==, != and masks before < and <=, those before >
//   and >=, then the larger value (for < and <= the smaller), then the order in the profile.
// - Equal conditions with different actions, or conditions which are the beginning of an earlier rule's with
//   another action, are refused; conditions that begin with those of an earlier rule add nothing. Of two
//   rules with one action, of which one contains the other's conditions, the narrower one is dropped.
// - 32-bit architectures compare the low word of value and argument.
// - Architectures that once had socketcall(2) and ipc(2) get each rule on, say, `connect` twice: for the
//   syscall itself, and for socketcall with the first argument equal to the call's number there. The second
//   form keeps the other conditions, although socketcall's arguments are not connect's; whoever needs
//   conditions on sockets must forbid or allow socketcall as a whole, as docker's profile does.
//
// One deliberate difference: where several rules with conditions meet on one syscall, and one of them uses <,
// <=, >, >=, or goes on after a != to another argument, or several arguments meet with masks, the filters of
// libseccomp 2.5.4 give some calls the action of a rule that they do not meet, or overlook one that they do
// (tails of chains are shared between branches of its tree, and a block may find another word in the
// accumulator than it expects). Here every rule stands for itself.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/seccomp/profile.h"
#include "uring/result.h"

namespace urc::seccomp {

struct Match {
    Conditions conditions;
    std::uint32_t action = 0;

    bool operator==(const Match&) const = default;
};

struct Syscall {
    std::uint32_t number = 0;
    bool is_unconditional = false;
    std::uint32_t action = 0;    // when unconditional
    std::vector<Match> matches;  // otherwise: the first that holds, or else the default action
};

// An architecture's token (SCMP_ARCH_*) says most of what there is to know: it is the kernel's AUDIT_ARCH_*
// number, except for x32, which is x86_64 with a bit in the syscall numbers.
struct Architecture {
    std::uint32_t token = 0;

    std::uint32_t audit() const;
    bool is_64_bit() const;
    bool has_multiplexers() const;  // socketcall(2), ipc(2)
};

inline constexpr std::uint32_t kX32Bit = 0x40000000;

// What libseccomp answers, and runc leaves as it is, to an architecture that is not in the profile.
inline constexpr std::uint32_t kForeignAction = 0;  // SECCOMP_RET_KILL_THREAD

struct ArchitectureRules {
    Architecture architecture;
    std::vector<Syscall> syscalls;  // sorted by number, none twice
    std::uint32_t newest = 0;       // the largest number that any rule names; 0: none
};

// Names that libseccomp does not know, or that the architecture does not have, are passed over.
Result<ArchitectureRules> rules_for(const Profile& profile, Architecture architecture);

}  // namespace urc::seccomp
