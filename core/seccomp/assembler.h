// BPF put together from the end to the beginning.
//
// Jumps in BPF only go forward, so when a jump is emitted, its target is already there and the distance is
// known. A conditional jump reaches 255 instructions; for a target farther away a copy of it (a return) or an
// unconditional jump to it is emitted first and then serves every later jump that can reach it.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "uring/result.h"

namespace urc::seccomp {

class Assembler {
public:
    // An instruction, counted from the END of the program.
    using Label = std::uint32_t;

    // `return action`; one that is already there is used again.
    Label action(std::uint32_t action);

    // `if (accumulator OP k) goto yes; else goto no;` with OP one of BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET.
    Label branch(std::uint16_t op, std::uint32_t k, Label yes, Label no);

    // These go on with `next`, through a jump if it is not the instruction emitted last.
    Label load(std::uint32_t offset, Label next);
    Label mask(std::uint32_t bits, Label next);

    std::size_t size() const { return code_.size(); }

    // The program, beginning with `entry`. E2BIG when the kernel would not take it.
    Result<std::vector<sock_filter>> finish(Label entry) &&;

private:
    Label emit(std::uint16_t code, std::uint32_t k, std::uint8_t jt = 0, std::uint8_t jf = 0);
    Label within_reach(Label target);
    void follow(Label next);

    std::vector<sock_filter> code_;  // backwards
    std::vector<Label> nearest_;     // for each instruction: its latest stand-in
    std::vector<std::pair<std::uint32_t, Label>> actions_;
};

}  // namespace urc::seccomp
