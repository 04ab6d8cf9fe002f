// What happens to every syscall number there is: the 32-bit space cut into ranges of equal treatment.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/seccomp/rules.h"

namespace urc::seccomp {

// Either an action or a list of matches, and then `action` when none of them holds.
struct Treatment {
    std::uint32_t action = 0;
    const std::vector<Match>* matches = nullptr;

    bool operator==(const Treatment& other) const;
};

struct Range {
    std::uint32_t first = 0;  // it ends where the next one begins
    Treatment treatment;
};

// The ranges of one AUDIT_ARCH_* number: neighbours differ, the first begins at 0. `same_audit` holds one
// architecture, or x86_64 and x32, which share theirs. The matches are borrowed from it.
std::vector<Range> ranges_for(std::span<const ArchitectureRules> same_audit, std::uint32_t default_action);

}  // namespace urc::seccomp
