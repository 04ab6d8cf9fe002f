// Two rules that are in no profile are applied here.
//
// x86_64 and x32 share an AUDIT_ARCH_* number; x32's syscalls carry bit 30. When only one of the two is
// wanted, the other's numbers get the same answer as a foreign architecture: the thread is killed. -1 is
// spared, since a tracer skips a syscall by setting it (libseccomp, gen_bpf.c).
//
// A number above the largest one that the profile names for that architecture gets ENOSYS in place of the
// default action: the syscall is younger than the profile, and programs know how to go on without it after
// ENOSYS but not after EPERM or a kill. As in runc this is left out when the default action lets the call
// through (ALLOW, LOG) or asks a tracer, and for an architecture of which the profile names nothing. Each of
// x86_64 and x32 looks at its own numbers only, again as in runc. On s390 the number 0 stands for every
// syscall that the kernel does not know, and gets ENOSYS, too.
#include "core/seccomp/ranges.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>

namespace urc::seccomp {
namespace {

constexpr std::uint32_t kLast = 0xffffffff;
constexpr Treatment kForeign{.action = kForeignAction, .matches = nullptr};
constexpr Treatment kNoSuchCall{.action = SECCOMP_RET_ERRNO | ENOSYS, .matches = nullptr};

const Treatment& treatment_at(const std::vector<Range>& ranges, std::uint32_t number) {
    auto after = std::ranges::upper_bound(ranges, number, {}, &Range::first);
    return std::prev(after)->treatment;
}

// Gives all numbers in [first, last] the treatment `t`.
void paint(std::vector<Range>& ranges, std::uint32_t first, std::uint32_t last, const Treatment& t) {
    if (first > last) return;
    Treatment behind = treatment_at(ranges, last);
    auto begin = std::ranges::lower_bound(ranges, first, {}, &Range::first);
    auto end = std::ranges::upper_bound(ranges, last, {}, &Range::first);
    bool is_cut = last != kLast && (end == ranges.end() || end->first != last + 1);
    auto at = ranges.erase(begin, end);
    if (is_cut) at = ranges.insert(at, {last + 1, behind});
    ranges.insert(at, {first, t});
}

bool lets_pass(std::uint32_t action) {
    switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
        case SECCOMP_RET_LOG:
        case SECCOMP_RET_TRACE:
            return true;
        default:
            return false;
    }
}

void paint_younger(std::vector<Range>& ranges, const ArchitectureRules& rules) {
    if (rules.newest == 0) return;
    const std::uint32_t token = rules.architecture.token;
    if (token == SCMP_ARCH_X86_64) {  // the numbers without bit 30
        paint(ranges, rules.newest + 1, kX32Bit - 1, kNoSuchCall);
        paint(ranges, 2 * kX32Bit, 3 * kX32Bit - 1, kNoSuchCall);
    } else if (token == SCMP_ARCH_X32) {  // the numbers with it
        paint(ranges, rules.newest + 1, 2 * kX32Bit - 1, kNoSuchCall);
        paint(ranges, 3 * kX32Bit, kLast, kNoSuchCall);
    } else {
        paint(ranges, rules.newest + 1, kLast, kNoSuchCall);
        if (token == SCMP_ARCH_S390 || token == SCMP_ARCH_S390X) paint(ranges, 0, 0, kNoSuchCall);
    }
}

}  // namespace

bool Treatment::operator==(const Treatment& other) const {
    if (action != other.action || (matches == nullptr) != (other.matches == nullptr)) return false;
    return matches == other.matches || *matches == *other.matches;
}

std::vector<Range> ranges_for(std::span<const ArchitectureRules> same_audit, std::uint32_t default_action) {
    const Treatment otherwise{default_action, nullptr};
    std::vector<Range> ranges{{0, otherwise}};
    bool has_x86_64 = false, has_x32 = false;
    for (const ArchitectureRules& rules : same_audit) {
        has_x86_64 |= rules.architecture.token == SCMP_ARCH_X86_64;
        has_x32 |= rules.architecture.token == SCMP_ARCH_X32;
        for (const Syscall& syscall : rules.syscalls) {
            Treatment treatment = syscall.is_unconditional ? Treatment{syscall.action, nullptr}
                                                           : Treatment{default_action, &syscall.matches};
            paint(ranges, syscall.number, syscall.number, treatment);
        }
    }
    if (has_x86_64 && !has_x32) paint(ranges, kX32Bit, kLast - 1, kForeign);
    if (has_x32 && !has_x86_64) paint(ranges, 0, kX32Bit - 1, kForeign);
    if (!lets_pass(default_action))
        for (const ArchitectureRules& rules : same_audit) paint_younger(ranges, rules);

    auto same = [](const Range& a, const Range& b) { return a.treatment == b.treatment; };
    ranges.erase(std::unique(ranges.begin(), ranges.end(), same), ranges.end());
    return ranges;
}

}  // namespace urc::seccomp
