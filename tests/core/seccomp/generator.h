// Random profiles, reproducible by their seed.
#pragma once

#include <cstdint>

#include "tests/core/seccomp/judge.h"

namespace urc::seccomp_test {

enum class Kind {
    simple,    // at most one condition in a rule, ==, != and masks
    plain,     // == and masks, any number of conditions
    anything,  // every operator and several rules on the same syscalls
};

Profile random_profile(std::uint64_t seed, Kind kind);

}  // namespace urc::seccomp_test
