// The instructions of classic BPF that the compiler beside this writes (assembler.h), worked off.
#include "core/seccomp/judge.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace urc::seccomp {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kNative = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kNative = AUDIT_ARCH_AARCH64;
#else
#error "core/seccomp/judge.cpp knows x86-64 and arm64"
#endif

// How many instructions are skipped after `in`; none for what is no jump.
std::uint32_t skipped(const sock_filter& in, std::uint32_t accumulator) {
    switch (in.code) {
        case BPF_JMP | BPF_JA:
            return in.k;
        case BPF_JMP | BPF_JEQ | BPF_K:
            return accumulator == in.k ? in.jt : in.jf;
        case BPF_JMP | BPF_JGT | BPF_K:
            return accumulator > in.k ? in.jt : in.jf;
        case BPF_JMP | BPF_JGE | BPF_K:
            return accumulator >= in.k ? in.jt : in.jf;
        case BPF_JMP | BPF_JSET | BPF_K:
            return (accumulator & in.k) != 0 ? in.jt : in.jf;
        default:
            return 0;
    }
}

std::optional<std::uint32_t> run(std::span<const sock_filter> program, const seccomp_data& data) {
    std::uint32_t accumulator = 0;
    // Jumps lead forward only, so it ends.
    for (std::size_t i = 0; i < program.size(); ++i) {
        const sock_filter& in = program[i];
        if (in.code == (BPF_RET | BPF_K)) return in.k;
        if (in.code == (BPF_LD | BPF_W | BPF_ABS)) {
            if (in.k > sizeof data - sizeof accumulator) return std::nullopt;
            std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + in.k, sizeof accumulator);
        } else if (in.code == (BPF_ALU | BPF_AND | BPF_K)) {
            accumulator &= in.k;
        } else if (BPF_CLASS(in.code) != BPF_JMP) {
            return std::nullopt;
        }
        i += skipped(in, accumulator);
    }
    return std::nullopt;
}

}  // namespace

bool allows(std::span<const sock_filter> program, const Call& call) {
    seccomp_data data{};
    data.nr = static_cast<int>(call.number);
    data.arch = kNative;
    std::ranges::copy(call.arguments, data.args);
    const auto answer = run(program, data);
    return answer && (*answer == SECCOMP_RET_ALLOW || *answer == SECCOMP_RET_LOG);
}

}  // namespace urc::seccomp
