// The program's shape: one look at the architecture, one at the number, a balanced tree over the ranges of
// numbers that are treated alike, and behind it the tests of arguments.
//
//      ld arch
//      jeq X86_64 --------> ld nr
//      jeq I386 ---+        jge 180 ------+
//      ret KILL    |        jge 90 ...    |
//                  |        jeq 101 --> (arguments of ptrace)
//                  +--> ld nr ...         +--> ...  --> ret ALLOW
//
// The kernel runs a filter once for every syscall number while it loads it (to find those that are always
// allowed), so the depth of the tree costs time at every start, and so does each instruction when it is
// checked and translated. Both are small here: docker's profile needs about a third of libseccomp's
// instructions.
//
// A change that makes programs mean something else raises kCompiler in cache.cpp.
#include <seccomp.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/seccomp/arguments.h"
#include "core/seccomp/assembler.h"
#include "core/seccomp/profile.h"
#include "core/seccomp/ranges.h"
#include "core/seccomp/rules.h"
#include "core/seccomp/seccomp.h"

namespace urc::seccomp {
namespace {

using Label = Assembler::Label;

// A leaf of the tree: one range, or three of which the middle one is a single number in the midst of its
// neighbours' treatment. That shape is frequent and needs one test for equality in place of two.
struct Leaf {
    std::uint32_t first = 0;
    Label here = 0;
    std::uint32_t exception = 0;
    Label there = 0;  // differs from `here`: the exception's
};

std::vector<Leaf> leaves_of(std::span<const Range> ranges, std::span<const Label> labels) {
    std::vector<Leaf> leaves;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        Leaf leaf{.first = ranges[i].first, .here = labels[i], .exception = 0, .there = labels[i]};
        if (i + 2 < ranges.size() && labels[i] == labels[i + 2] &&
            ranges[i + 2].first - ranges[i + 1].first == 1) {
            leaf.exception = ranges[i + 1].first;
            leaf.there = labels[i + 1];
            i += 2;
        }
        leaves.push_back(leaf);
    }
    return leaves;
}

Label emit_tree(Assembler& out, std::span<const Leaf> leaves) {
    const Leaf& leaf = leaves.front();
    if (leaves.size() == 1)
        return leaf.here == leaf.there ? leaf.here
                                       : out.branch(BPF_JEQ, leaf.exception, leaf.there, leaf.here);
    std::size_t middle = leaves.size() / 2;
    Label right = emit_tree(out, leaves.subspan(middle));
    Label left = emit_tree(out, leaves.first(middle));
    return out.branch(BPF_JGE, leaves[middle].first, right, left);
}

// Everything for one AUDIT_ARCH_* number.
Label emit_audit(Assembler& out, std::span<const ArchitectureRules> same_audit,
                 std::uint32_t default_action) {
    std::vector<Range> ranges = ranges_for(same_audit, default_action);
    std::vector<Label> labels;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        const Treatment& treatment = ranges[i].treatment;
        Label label = out.action(treatment.action);
        if (treatment.matches != nullptr) {
            auto same = std::ranges::find(ranges.begin(), ranges.begin() + static_cast<std::ptrdiff_t>(i),
                                          treatment, &Range::treatment);
            auto known = static_cast<std::size_t>(same - ranges.begin());
            // x32 shares the numbers' space with x86_64, but has 32-bit arguments.
            bool is_64_bit = same_audit.front().architecture.is_64_bit();
            if (same_audit.size() > 1) is_64_bit = (ranges[i].first & kX32Bit) == 0;
            bool is_known = known < i && (ranges[known].first & kX32Bit) == (ranges[i].first & kX32Bit);
            label = is_known ? labels[known] : emit_matches(out, *treatment.matches, is_64_bit, label);
        }
        labels.push_back(label);
    }
    constexpr std::uint32_t kNumber = offsetof(seccomp_data, nr);
    return out.load(kNumber, emit_tree(out, leaves_of(ranges, labels)));
}

// Brings those together that the kernel does not tell apart, in the order of the profile.
Result<std::vector<std::vector<ArchitectureRules>>> rules_by_audit(const Profile& profile) {
    std::vector<std::vector<ArchitectureRules>> groups;
    for (std::uint32_t token : profile.architectures) {
        URC_TRY(ArchitectureRules rules, rules_for(profile, Architecture{token}));
        auto same = [&](const auto& group) {
            return group.front().architecture.audit() == rules.architecture.audit();
        };
        auto group = std::ranges::find_if(groups, same);
        if (group == groups.end()) group = groups.insert(groups.end(), std::vector<ArchitectureRules>{});
        group->push_back(std::move(rules));
    }
    return groups;
}

}  // namespace

Result<Program> compile(std::string_view section) {
    Program program;
    if (section.empty()) return program;
    URC_TRY(Profile profile, parse_profile(section));
    program.flags = profile.flags;
    program.has_notify = profile.has_notify;
    program.listener_path = std::move(profile.listener_path);
    program.listener_metadata = std::move(profile.listener_metadata);
    if (profile.is_empty) return program;

    URC_TRY(auto groups, rules_by_audit(profile));
    Assembler out;
    // Backwards: the native architecture, the first of the profile, comes to lie next to the entry.
    std::vector<std::pair<std::uint32_t, Label>> entries;
    Label otherwise = out.action(kForeignAction);
    for (auto group = groups.rbegin(); group != groups.rend(); ++group)
        entries.emplace_back(group->front().architecture.audit(),
                             emit_audit(out, *group, profile.default_action));
    for (auto [audit, entry] : entries) otherwise = out.branch(BPF_JEQ, audit, entry, otherwise);
    Label first = out.load(offsetof(seccomp_data, arch), otherwise);
    URC_TRY(program.instructions, std::move(out).finish(first));
    return program;
}

}  // namespace urc::seccomp
