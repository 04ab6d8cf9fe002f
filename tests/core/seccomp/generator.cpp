#include "tests/core/seccomp/generator.h"

#include <random>

namespace urc::seccomp_test {
namespace {

constexpr const char* kNames[] = {"read",
                                  "write",
                                  "open",
                                  "close",
                                  "socket",
                                  "connect",
                                  "accept",
                                  "send",
                                  "sendmsg",
                                  "accept4",
                                  "socketcall",
                                  "ipc",
                                  "semop",
                                  "shmat",
                                  "msgget",
                                  "semtimedop",
                                  "clone",
                                  "clone3",
                                  "personality",
                                  "ptrace",
                                  "mmap",
                                  "mmap2",
                                  "ioctl",
                                  "prctl",
                                  "arch_prctl",
                                  "futex",
                                  "futex_time64",
                                  "openat2",
                                  "close_range",
                                  "faccessat2",
                                  "landlock_create_ruleset",
                                  "set_mempolicy_home_node",
                                  "no_such_syscall",
                                  "breakpoint",
                                  "cacheflush",
                                  "set_tls",
                                  "fadvise64_64",
                                  "waitpid",
                                  "umount",
                                  "umount2",
                                  "kill",
                                  "exit",
                                  "exit_group",
                                  "mount",
                                  "setns",
                                  "unshare",
                                  "keyctl",
                                  "bpf",
                                  "io_uring_setup",
                                  "pidfd_open",
                                  "rt_sigreturn",
                                  "sigreturn",
                                  "vfork",
                                  "chown32",
                                  "getuid",
                                  "getuid32",
                                  "_llseek",
                                  "time",
                                  "settimeofday",
                                  "shmctl",
                                  "recvmmsg"};
constexpr std::uint32_t kAnyAction[] = {SCMP_ACT_ALLOW,        SCMP_ACT_ALLOW,        SCMP_ACT_ALLOW,
                                        SCMP_ACT_ERRNO(EPERM), SCMP_ACT_ERRNO(22),    SCMP_ACT_LOG,
                                        SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD,  SCMP_ACT_TRAP,
                                        SCMP_ACT_TRACE(5),     SCMP_ACT_ERRNO(ENOSYS)};
constexpr std::uint32_t kAnyArchitecture[] = {
    SCMP_ARCH_X86,    SCMP_ARCH_X86_64,   SCMP_ARCH_X32,         SCMP_ARCH_ARM,     SCMP_ARCH_AARCH64,
    SCMP_ARCH_MIPSEL, SCMP_ARCH_MIPSEL64, SCMP_ARCH_MIPSEL64N32, SCMP_ARCH_PPC64LE, SCMP_ARCH_RISCV64};
constexpr std::uint64_t kValues[] = {0,     1,          2,          9,           16,           0xff,
                                     40,    0x7e020000, 0xffffffff, 0x100000000, 0x100000001,  0x200000009,
                                     ~0ull, 1ull << 63, 0x7fffffff, 0x80000000,  0x1000000000, 0x20000};

class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_(seed * 1000003) {}
    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
    bool one_in(unsigned n) { return below(n) == 0; }
    template <typename T, std::size_t N>
    T of(const T (&list)[N]) {
        return list[below(N)];
    }

private:
    std::mt19937_64 random_;
};

Argument random_argument(Dice& dice, Kind kind) {
    Argument a;
    a.index = dice.one_in(2) ? 0 : dice.below(6);
    constexpr scmp_compare kAll[] = {SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,       SCMP_CMP_EQ,
                                     SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ};
    constexpr scmp_compare kFew[] = {SCMP_CMP_EQ, SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ, SCMP_CMP_NE};
    if (kind == Kind::anything)
        a.op = dice.of(kAll);
    else
        a.op = kFew[dice.below(kind == Kind::simple ? 4 : 3)];
    a.value = dice.of(kValues);
    a.value_two = dice.one_in(3) ? a.value : dice.of(kValues);
    return a;
}

}  // namespace

Profile random_profile(std::uint64_t seed, Kind kind) {
    Dice dice(seed);
    Profile out;
    out.default_action = dice.one_in(2) ? SCMP_ACT_ERRNO(EPERM) : dice.of(kAnyAction);
    for (unsigned n = dice.below(5); n > 0; --n) out.architectures.push_back(dice.of(kAnyArchitecture));
    // Few names make many rules meet on one syscall.
    const unsigned first = dice.below(std::size(kNames)), span = dice.one_in(2) ? 3 : std::size(kNames);
    for (unsigned n = 1 + dice.below(12); n > 0; --n) {
        Rule& rule = out.rules.emplace_back();
        rule.action = dice.of(kAnyAction);
        for (unsigned m = 1 + dice.below(dice.one_in(3) ? 20 : 3); m > 0; --m)
            rule.names.emplace_back(kNames[(first + dice.below(span)) % std::size(kNames)]);
        unsigned most = kind == Kind::simple ? 1 : 3;
        for (unsigned m = dice.below(most + 1); m > 0; --m)
            rule.arguments.push_back(random_argument(dice, kind));
    }
    return out;
}

}  // namespace urc::seccomp_test
