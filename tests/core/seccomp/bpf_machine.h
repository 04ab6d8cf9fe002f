// Classic BPF as seccomp uses it: the rules of the kernel's checker (seccomp_check_filter) and a machine that
// runs a program, in as few lines as possible, so that it can be trusted to judge compilers.
#pragma once

#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

namespace urc::seccomp_test {

// What the kernel would refuse; empty: nothing.
inline std::string find_flaw(std::span<const sock_filter> program) {
    if (program.empty() || program.size() > BPF_MAXINSNS) return "length " + std::to_string(program.size());
    for (std::size_t i = 0; i < program.size(); ++i) {
        const sock_filter& in = program[i];
        const std::size_t left = program.size() - i - 1;
        const std::string where = " at " + std::to_string(i);
        switch (in.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                if (in.k >= sizeof(seccomp_data) || in.k % 4 != 0) return "load" + where;
                if (left == 0) return "falls off the end" + where;
                break;
            case BPF_ALU | BPF_AND | BPF_K:
                if (left == 0) return "falls off the end" + where;
                break;
            case BPF_JMP | BPF_JA:
                if (in.k >= left) return "jump" + where;
                break;
            case BPF_JMP | BPF_JEQ | BPF_K:
            case BPF_JMP | BPF_JGT | BPF_K:
            case BPF_JMP | BPF_JGE | BPF_K:
            case BPF_JMP | BPF_JSET | BPF_K:
                if (in.jt >= left || in.jf >= left) return "branch" + where;
                break;
            case BPF_RET | BPF_K:
                break;
            default:
                return "code " + std::to_string(in.code) + where;
        }
    }
    return {};
}

// The answer to `call`; nullopt for what find_flaw would have found.
inline std::optional<std::uint32_t> run(std::span<const sock_filter> program, const seccomp_data& call) {
    std::uint32_t a = 0;
    for (std::size_t i = 0; i < program.size(); ++i) {
        const sock_filter& in = program[i];
        switch (in.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                if (in.k > sizeof(call) - 4) return std::nullopt;
                std::memcpy(&a, reinterpret_cast<const char*>(&call) + in.k, 4);
                break;
            case BPF_ALU | BPF_AND | BPF_K:
                a &= in.k;
                break;
            case BPF_JMP | BPF_JA:
                i += in.k;
                break;
            case BPF_JMP | BPF_JEQ | BPF_K:
                i += a == in.k ? in.jt : in.jf;
                break;
            case BPF_JMP | BPF_JGT | BPF_K:
                i += a > in.k ? in.jt : in.jf;
                break;
            case BPF_JMP | BPF_JGE | BPF_K:
                i += a >= in.k ? in.jt : in.jf;
                break;
            case BPF_JMP | BPF_JSET | BPF_K:
                i += (a & in.k) != 0 ? in.jt : in.jf;
                break;
            case BPF_RET | BPF_K:
                return in.k;
            default:
                return std::nullopt;
        }
    }
    return std::nullopt;
}

}  // namespace urc::seccomp_test
