// Code for rules on arguments.
#pragma once

#include <span>

#include "core/seccomp/assembler.h"
#include "core/seccomp/rules.h"

namespace urc::seccomp {

// Emits: the action of the first match that holds, or else goto `otherwise`. Whatever the accumulator holds,
// the returned label loads what it needs.
Assembler::Label emit_matches(Assembler& out, std::span<const Match> matches, bool is_64_bit,
                              Assembler::Label otherwise);

}  // namespace urc::seccomp
