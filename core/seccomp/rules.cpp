#include "core/seccomp/rules.h"

#include <linux/audit.h>
#include <linux/bpf_common.h>
#include <seccomp.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace urc::seccomp {
namespace {

constexpr std::uint32_t kLow = 0xffffffff;

// Each takes an instruction at least. Also keeps add_match affordable.
constexpr std::size_t kMatchesMax = BPF_MAXINSNS;

std::uint32_t high(std::uint64_t value) {
    return static_cast<std::uint32_t>(value >> 32);
}
std::uint32_t low(std::uint64_t value) {
    return static_cast<std::uint32_t>(value);
}

// ---- conditions ----

int rank(Op op) {
    switch (op) {
        case Op::eq:
        case Op::ne:
        case Op::masked_eq:
            return 3;
        case Op::lt:
        case Op::le:
            return 2;
        case Op::gt:
        case Op::ge:
            return 1;
    }
    return 0;
}

bool is_smaller_first(const Condition& c) {
    return rank(c.op) == 2;
}

// Both begin with the same question about the high word (on 32 bits: with none).
bool is_same_high_test(const Condition& a, const Condition& b) {
    if (a.argument != b.argument || rank(a.op) != rank(b.op) || high(a.datum) != high(b.datum)) return false;
    if (rank(a.op) != 3 || (high(a.mask) == 0 && high(b.mask) == 0)) return true;
    return (a.op == Op::masked_eq) == (b.op == Op::masked_eq) && high(a.mask) == high(b.mask);
}

// Whether `added` is asked before `present` when their questions about the high word differ, and when they
// do not. Equals stay in the order of the profile.
bool high_goes_before(const Condition& added, const Condition& present) {
    if (added.argument != present.argument) return added.argument > present.argument;
    if (rank(added.op) != rank(present.op)) return rank(added.op) > rank(present.op);
    if (high(added.datum) == high(present.datum)) return false;
    return (high(added.datum) < high(present.datum)) == is_smaller_first(added);
}

bool low_goes_before(const Condition& added, const Condition& present) {
    if (low(added.datum) == low(present.datum)) return false;
    return (low(added.datum) < low(present.datum)) == is_smaller_first(added);
}

// Narrows [first, last) to the run of matches whose condition at `depth` is `like` the given one; false,
// without a change, if there is none.
template <typename Iterator, typename Like>
bool narrow(Iterator& first, Iterator& last, Like like) {
    Iterator begin = std::find_if(first, last, like);
    if (begin == last) return false;
    first = begin;
    last = std::find_if_not(begin, last, like);
    return true;
}

// Where a match goes in the list, see rules.h. Matches that begin with the same questions lie together, as
// they do in libseccomp's tree. None of `present` begins with the conditions, nor they with it.
std::vector<Match>::iterator place_for(std::vector<Match>& present, const Conditions& conditions) {
    auto first = present.begin(), last = present.end();
    for (std::size_t depth = 0;; ++depth) {
        const Condition& c = conditions[depth];
        auto at = [&](auto ask) { return [=, &c](const Match& m) { return ask(c, m.conditions[depth]); }; };
        if (!narrow(first, last, at(is_same_high_test)))
            return std::find_if(first, last, at(high_goes_before));
        if (!narrow(first, last, at(std::equal_to<>{})))
            return std::find_if(first, last, at(low_goes_before));
    }
}

bool begins_with(const Conditions& whole, const Conditions& start) {
    return start.size() <= whole.size() && std::equal(start.begin(), start.end(), whole.begin());
}

// libseccomp's notion: the conditions of `part` are there, and nothing in between.
bool contains(const Conditions& whole, const Conditions& part) {
    return std::search(whole.begin(), whole.end(), part.begin(), part.end()) != whole.end();
}

// `conditions` for arguments of the architecture's width. A mask of zero bits asks nothing.
Conditions fit(Conditions conditions, const Architecture& architecture) {
    if (!architecture.is_64_bit())
        for (Condition& condition : conditions) {
            condition.mask &= kLow;
            condition.datum &= kLow;
        }
    std::erase_if(conditions, [](const Condition& c) { return c.op == Op::masked_eq && c.mask == 0; });
    return conditions;
}

constexpr const char* kConflict = "an earlier rule has the same conditions and another action";
constexpr const char* kTooMany = "more rules than a filter can hold";

// Brings a rule together with the earlier ones on its syscall. What is wrong with it, or nullptr.
const char* add_match(Syscall& syscall, Match match) {
    if (syscall.is_unconditional) return nullptr;
    if (match.conditions.empty()) {
        syscall.is_unconditional = true;
        syscall.action = match.action;
        syscall.matches.clear();
        return nullptr;
    }
    std::vector<Match>& present = syscall.matches;
    auto is_covered_by = [&](const Match& other) {
        return begins_with(match.conditions, other.conditions) ||
               (other.action == match.action && contains(match.conditions, other.conditions));
    };
    auto is_covered = [&](const Match& other) {
        return other.action == match.action && contains(other.conditions, match.conditions);
    };
    for (const Match& other : present)
        if (other.conditions == match.conditions) return other.action == match.action ? nullptr : kConflict;
    if (std::ranges::any_of(present, is_covered_by)) return nullptr;
    std::erase_if(present, is_covered);
    for (const Match& other : present)
        if (begins_with(other.conditions, match.conditions)) return kConflict;
    present.insert(place_for(present, match.conditions), std::move(match));
    return present.size() <= kMatchesMax ? nullptr : kTooMany;
}

// ---- names ----

// libseccomp's numbers of calls that go through a multiplexer: -101 is call 1 of socketcall, -201 call 1 of
// ipc. It gives these for the names on such architectures, even where the call has a number of its own, too.
constexpr int kSocketFirst = -120, kSocketLast = -101, kIpcFirst = -224, kIpcLast = -201;

bool is_multiplexed(int number) {
    return (number >= kSocketFirst && number <= kSocketLast) || (number >= kIpcFirst && number <= kIpcLast);
}

class Numbers {
public:
    explicit Numbers(const Architecture& architecture) : architecture_(architecture) {}

    // Negative: the architecture has no such call, or see is_multiplexed.
    int find(const std::string& name) const {
        if (name.find('\0') != name.npos) return __NR_SCMP_ERROR;
        return seccomp_syscall_resolve_name_arch(architecture_.token, name.c_str());
    }

    // The number of its own that a multiplexed call has. libseccomp tells only the other way round.
    int direct(int multiplexed) {
        if (direct_.empty()) scan();
        for (auto [pseudo, number] : direct_)
            if (pseudo == multiplexed) return number;
        return -1;
    }

private:
    void scan() {
        constexpr int kSpan = 600;
        // Each table of mips begins at a number of its own.
        int base = std::max(find("getpid") / 1000 * 1000, 0);
        direct_.emplace_back(0, -1);  // "scanned"
        for (int number = base; number < base + kSpan; ++number) {
            char* name = seccomp_syscall_resolve_num_arch(architecture_.token, number);
            if (name == nullptr) continue;
            int pseudo = seccomp_syscall_resolve_name_arch(architecture_.token, name);
            if (is_multiplexed(pseudo)) direct_.emplace_back(pseudo, number);
            std::free(name);
        }
    }

    const Architecture& architecture_;
    std::vector<std::pair<int, int>> direct_;
};

// One rule's word on one syscall, before the rules of a syscall are brought together.
struct Entry {
    std::uint32_t number = 0;
    const Rule* rule = nullptr;
    std::optional<unsigned> multiplexed;  // the call's number inside socketcall or ipc
};

std::vector<Entry> entries_for(const Profile& profile, ArchitectureRules& out) {
    std::vector<Entry> entries;
    Numbers numbers(out.architecture);
    const bool has_multiplexers = out.architecture.has_multiplexers();
    const int socketcall = has_multiplexers ? numbers.find("socketcall") : -1;
    const int ipc = has_multiplexers ? numbers.find("ipc") : -1;
    for (const Rule& rule : profile.rules) {
        for (const std::string& name : rule.names) {
            int number = numbers.find(name);
            if (number > 0) out.newest = std::max(out.newest, static_cast<std::uint32_t>(number));
            if (rule.says_nothing) continue;
            if (has_multiplexers && is_multiplexed(number)) {
                bool is_socket = number >= kSocketFirst;
                entries.push_back({static_cast<std::uint32_t>(is_socket ? socketcall : ipc), &rule,
                                   static_cast<unsigned>(-number % (is_socket ? 100 : 200))});
                number = numbers.direct(number);
            }
            if (number >= 0) entries.push_back({static_cast<std::uint32_t>(number), &rule, {}});
        }
    }
    std::ranges::stable_sort(entries, {}, &Entry::number);
    return entries;
}

Conditions conditions_of(const Entry& entry, Conditions conditions) {
    if (!entry.multiplexed) return conditions;
    std::erase_if(conditions, [](const Condition& c) { return c.argument == 0; });
    conditions.insert(conditions.begin(), Condition{.datum = *entry.multiplexed});
    return conditions;
}

Error refuse(const ArchitectureRules& rules, const Entry& entry, const char* problem) {
    std::string text = "linux.seccomp.syscalls[" + std::to_string(entry.rule->index) + "]: ";
    char* name = seccomp_syscall_resolve_num_arch(rules.architecture.token, static_cast<int>(entry.number));
    text += name != nullptr ? name : "syscall " + std::to_string(entry.number);
    std::free(name);
    return Error::message(text + ": " + problem);
}

}  // namespace

std::uint32_t Architecture::audit() const {
    return token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : token;
}

bool Architecture::is_64_bit() const {
    return (token & __AUDIT_ARCH_64BIT) != 0 && (token & __AUDIT_ARCH_CONVENTION_MIPS64_N32) == 0;
}

bool Architecture::has_multiplexers() const {
    switch (token) {
        case SCMP_ARCH_X86:
        case SCMP_ARCH_MIPS:
        case SCMP_ARCH_MIPSEL:
        case SCMP_ARCH_PPC:
        case SCMP_ARCH_PPC64:
        case SCMP_ARCH_PPC64LE:
        case SCMP_ARCH_S390:
        case SCMP_ARCH_S390X:
            return true;
        default:
            return false;
    }
}

Result<ArchitectureRules> rules_for(const Profile& profile, Architecture architecture) {
    ArchitectureRules out{.architecture = architecture, .syscalls = {}, .newest = 0};
    for (const Entry& entry : entries_for(profile, out)) {
        if (out.syscalls.empty() || out.syscalls.back().number != entry.number)
            out.syscalls.push_back(
                {.number = entry.number, .is_unconditional = false, .action = 0, .matches = {}});
        for (const Conditions& alternative : entry.rule->alternatives) {
            Match match{fit(conditions_of(entry, alternative), architecture), entry.rule->action};
            const char* problem = add_match(out.syscalls.back(), std::move(match));
            if (problem != nullptr) return refuse(out, entry, problem);
        }
    }
    return out;
}

}  // namespace urc::seccomp
