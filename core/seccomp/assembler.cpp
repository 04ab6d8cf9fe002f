#include "core/seccomp/assembler.h"

#include <linux/bpf_common.h>

#include <algorithm>
#include <string>

namespace urc::seccomp {
namespace {

// One less than what fits: the stand-in for the other branch may come in between.
constexpr std::size_t kReach = 254;

}  // namespace

Assembler::Label Assembler::emit(std::uint16_t code, std::uint32_t k, std::uint8_t jt, std::uint8_t jf) {
    auto label = static_cast<Label>(code_.size());
    code_.push_back({.code = code, .jt = jt, .jf = jf, .k = k});
    nearest_.push_back(label);
    return label;
}

Assembler::Label Assembler::action(std::uint32_t action) {
    for (auto [known, label] : actions_)
        if (known == action) return label;
    Label label = emit(BPF_RET | BPF_K, action);
    actions_.emplace_back(action, label);
    return label;
}

Assembler::Label Assembler::within_reach(Label target) {
    Label near = nearest_[target];
    if (code_.size() - near - 1 <= kReach) return near;
    const sock_filter& there = code_[target];
    bool is_return = there.code == (BPF_RET | BPF_K);
    near = is_return ? emit(BPF_RET | BPF_K, there.k)
                     : emit(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(code_.size() - target - 1));
    nearest_[target] = near;
    return near;
}

Assembler::Label Assembler::branch(std::uint16_t op, std::uint32_t k, Label yes, Label no) {
    yes = within_reach(yes);
    no = within_reach(no);
    std::size_t here = code_.size();
    return emit(static_cast<std::uint16_t>(BPF_JMP | op | BPF_K), k,
                static_cast<std::uint8_t>(here - yes - 1), static_cast<std::uint8_t>(here - no - 1));
}

void Assembler::follow(Label next) {
    if (next + 1 != code_.size()) emit(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(code_.size() - next - 1));
}

Assembler::Label Assembler::load(std::uint32_t offset, Label next) {
    follow(next);
    return emit(BPF_LD | BPF_W | BPF_ABS, offset);
}

Assembler::Label Assembler::mask(std::uint32_t bits, Label next) {
    follow(next);
    return emit(BPF_ALU | BPF_AND | BPF_K, bits);
}

Result<std::vector<sock_filter>> Assembler::finish(Label entry) && {
    follow(entry);
    if (code_.size() > BPF_MAXINSNS)
        return Error::message("linux.seccomp: the filter needs " + std::to_string(code_.size()) +
                                  " instructions, the kernel takes " + std::to_string(BPF_MAXINSNS),
                              E2BIG);
    std::ranges::reverse(code_);
    return std::move(code_);
}

}  // namespace urc::seccomp
