// Device rules: one oracle (the rules read as the header says) and three ways to put them into force, which
// must agree with it.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/cgroup/device_bpf.h"
#include "core/cgroup/device_rules.h"

namespace urc::cgroup {
namespace {

spec::DeviceRule rule(bool allow, char type, std::optional<std::int64_t> major,
                      std::optional<std::int64_t> minor, std::string_view access) {
    spec::DeviceRule one;
    one.allow = allow;
    one.type = type;
    one.major = major;
    one.minor = minor;
    one.read = access.find('r') != std::string_view::npos;
    one.write = access.find('w') != std::string_view::npos;
    one.mknod = access.find('m') != std::string_view::npos;
    return one;
}

struct Question {
    char type;
    std::int64_t major, minor;
    std::uint8_t access;
};

bool matches(const DeviceRuleLine& line, const Question& q, std::uint8_t bit) {
    return line.type == 'a' || (line.type == q.type && (line.major == kAny || line.major == q.major) &&
                                (line.minor == kAny || line.minor == q.minor) && (line.access & bit) != 0);
}

// For each access the last rule that matches decides; nothing matching denies.
bool oracle(const std::vector<DeviceRuleLine>& lines, const Question& q) {
    for (std::uint8_t bit : {kMknod, kRead, kWrite}) {
        if ((q.access & bit) == 0) continue;
        bool allow = false;
        for (const DeviceRuleLine& line : lines)
            if (matches(line, q, bit)) allow = line.allow;
        if (!allow) return false;
    }
    return true;
}

// The kernel's machine, as much of it as the program uses. -1: an instruction that should not be there.
int interpret(const std::vector<bpf_insn>& program, const Question& q) {
    bpf_cgroup_dev_ctx context{};
    context.access_type =
        static_cast<__u32>(q.access << 16 | (q.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR));
    context.major = static_cast<__u32>(q.major);
    context.minor = static_cast<__u32>(q.minor);
    std::uint32_t r[11]{};
    for (std::size_t at = 0; at < program.size(); ++at) {
        const bpf_insn& i = program[at];
        auto imm = static_cast<std::uint32_t>(i.imm);
        switch (i.code) {
            case BPF_LDX | BPF_MEM | BPF_W:
                r[i.dst_reg] = i.off == 0 ? context.access_type : i.off == 4 ? context.major : context.minor;
                break;
            case BPF_ALU | BPF_K | BPF_AND:
                r[i.dst_reg] &= imm;
                break;
            case BPF_ALU | BPF_K | BPF_LSH:
                r[i.dst_reg] <<= imm;
                break;
            case BPF_ALU | BPF_X | BPF_OR:
                r[i.dst_reg] |= r[i.src_reg];
                break;
            case BPF_ALU | BPF_K | BPF_RSH:
                r[i.dst_reg] >>= imm;
                break;
            case BPF_ALU | BPF_K | BPF_MOV:
                r[i.dst_reg] = imm;
                break;
            case BPF_ALU | BPF_X | BPF_MOV:
                r[i.dst_reg] = r[i.src_reg];
                break;
            case BPF_JMP32 | BPF_K | BPF_JNE:
                at += r[i.dst_reg] != imm ? static_cast<std::size_t>(i.off) : 0;
                break;
            case BPF_JMP32 | BPF_K | BPF_JEQ:
                at += r[i.dst_reg] == imm ? static_cast<std::size_t>(i.off) : 0;
                break;
            case BPF_JMP32 | BPF_K | BPF_JSET:
                at += (r[i.dst_reg] & imm) != 0 ? static_cast<std::size_t>(i.off) : 0;
                break;
            case BPF_JMP | BPF_JA:
                at += static_cast<std::size_t>(i.off);
                break;
            case BPF_JMP | BPF_EXIT:
                return static_cast<int>(r[0]);
            default:
                return -1;
        }
    }
    return -1;
}

// The kernel's v1 rule (match_exception): one exception must cover the whole access.
bool v1_allows(const DeviceState& state, const Question& q, bool per_bit) {
    auto is_exception = [&](std::uint8_t access) {
        return std::any_of(state.exceptions.begin(), state.exceptions.end(), [&](const auto& one) {
            auto [type, major, minor] = one.first;
            return type == q.type && (major == kAny || major == q.major) &&
                   (minor == kAny || minor == q.minor) && (access & ~one.second) == 0;
        });
    };
    if (!per_bit) return is_exception(q.access) != state.is_allow_default;
    for (std::uint8_t bit : {kMknod, kRead, kWrite})
        if ((q.access & bit) != 0 && is_exception(bit) == state.is_allow_default) return false;
    return true;
}

std::vector<Question> questions() {
    std::vector<Question> all;
    for (char type : {'b', 'c'})
        for (std::int64_t major : {0, 1, 5, 10, 136, 254, 4095})
            for (std::int64_t minor : {0, 1, 2, 3, 5, 8, 11, 200, 1048575})
                for (std::uint8_t access = 1; access <= kAllAccess; ++access)
                    all.push_back({type, major, minor, access});
    return all;
}

TEST(CgroupDevices, WithoutRulesOnlyTheDefaultOnesAllow) {
    auto lines = complete_rules({});
    EXPECT_TRUE(oracle(lines, {'c', 1, 3, kAllAccess}));
    EXPECT_TRUE(oracle(lines, {'c', 136, 7, kRead | kWrite}));
    EXPECT_TRUE(oracle(lines, {'b', 8, 0, kMknod}));
    EXPECT_FALSE(oracle(lines, {'b', 8, 0, kRead}));
    EXPECT_FALSE(oracle(lines, {'c', 1, 1, kRead}));
    EXPECT_FALSE(oracle(lines, {'c', 5, 1, kRead}));  // the host's console
    EXPECT_FALSE(allows_all(lines));
}

TEST(CgroupDevices, AnyTypeWithANumberOrFewerAccessesMeansBothTypesAndNoMore) {
    auto lines = complete_rules({rule(true, 'a', 10, 200, "rw"), rule(true, 'a', {}, {}, "r")});
    EXPECT_TRUE(oracle(lines, {'c', 10, 200, kRead | kWrite}));
    EXPECT_TRUE(oracle(lines, {'b', 77, 1, kRead}));
    EXPECT_FALSE(oracle(lines, {'c', 10, 201, kWrite}));
}

TEST(CgroupDevices, ALaterRuleWinsOnlyForTheAccessesItNames) {
    auto lines = complete_rules({rule(true, 'c', 1, 11, "rw"), rule(false, 'c', 1, 11, "w")});
    auto program = compile_device_program(lines);
    for (auto [access, allow] :
         {std::pair{kRead, 1}, {kWrite, 0}, {static_cast<std::uint8_t>(kRead | kWrite), 0}})
        EXPECT_EQ(interpret(program, {'c', 1, 11, access}), allow) << int{access};
}

TEST(CgroupDevices, AllowAllIsSeenThroughTheDefaultRulesBehindIt) {
    EXPECT_TRUE(allows_all(complete_rules({rule(true, 'a', {}, {}, "rwm")})));
    EXPECT_FALSE(allows_all(complete_rules({rule(true, 'a', {}, {}, "rwm"), rule(false, 'c', 1, 1, "r")})));
    EXPECT_FALSE(
        allows_all(complete_rules({rule(true, 'a', {}, {}, "rwm"), rule(false, 'a', {}, {}, "rwm")})));
}

std::vector<spec::DeviceRule> random_rules(std::mt19937& random) {
    auto pick = [&](auto... values) {
        std::optional<std::int64_t> all[] = {values...};
        return all[random() % sizeof...(values)];
    };
    std::vector<spec::DeviceRule> rules;
    for (std::size_t i = random() % 8; i > 0; --i) {
        std::string access;
        for (char letter : {'r', 'w', 'm'})
            if (random() % 3 != 0) access += letter;
        rules.push_back(rule(random() % 2 == 0, "aabbcccc"[random() % 8], pick(std::nullopt, 1, 5, 10, 4095),
                             pick(std::nullopt, 1, 2, 3, 11, 200), access));
    }
    return rules;
}

TEST(CgroupDevices, TheProgramAnswersAsTheRulesReadForRandomRules) {
    auto all = questions();
    for (std::uint32_t seed = 0; seed < 400; ++seed) {
        std::mt19937 random(seed);
        auto lines = complete_rules(random_rules(random));
        auto program = compile_device_program(lines);
        for (const Question& q : all)
            ASSERT_EQ(interpret(program, q), oracle(lines, q) ? 1 : 0)
                << "seed " << seed << ": " << q.type << q.major << ":" << q.minor << " " << int{q.access};
    }
}

TEST(CgroupDevices, TheV1StateAnswersAsTheRulesReadOrIsRefused) {
    auto all = questions();
    int expressible = 0;
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        std::mt19937 random(seed);
        auto lines = complete_rules(random_rules(random));
        auto state = device_state(lines);
        if (!state.ok()) continue;
        ++expressible;
        for (const Question& q : all) {
            bool allow = oracle(lines, q);
            ASSERT_EQ(v1_allows(*state, q, true), allow) << "seed " << seed;
            // The kernel wants one exception to cover all: stricter where the default is to deny.
            bool is_laxer = v1_allows(*state, q, false) && !allow && !state->is_allow_default;
            ASSERT_FALSE(is_laxer) << "seed " << seed;
        }
    }
    EXPECT_GT(expressible, 100);
}

TEST(CgroupDevices, ARuleThatV1WouldSilentlyIgnoreIsRefused) {
    auto lines = complete_rules({rule(true, 'c', 1, {}, "rwm"), rule(false, 'c', 1, 11, "w")});
    auto state = device_state(lines);
    ASSERT_FALSE(state.ok());
    EXPECT_NE(state.error().text().find("c 1:11 w"), std::string::npos) << state.error().text();
}

// What devices.allow and devices.deny do to a state.
DeviceState written(DeviceState state, const std::vector<DeviceWrite>& writes) {
    for (const DeviceWrite& write : writes) {
        if (write.line == "a") {
            state = {write.allow, {}};
            continue;
        }
        DeviceState one = parse_device_list(write.line);
        for (auto& [key, access] : one.exceptions) {
            std::uint8_t& there = state.exceptions[key];
            there = static_cast<std::uint8_t>(write.allow != state.is_allow_default ? there | access
                                                                                    : there & ~access);
            if (there == 0) state.exceptions.erase(key);
        }
    }
    return state;
}

TEST(CgroupDevices, AChangeReachesTheWantedStateAndKeepsWhatBothAllow) {
    for (std::uint32_t seed = 0; seed < 1000; ++seed) {
        std::mt19937 random(seed);
        auto current = device_state(complete_rules(random_rules(random)));
        auto wanted = device_state(complete_rules(random_rules(random)));
        if (!current.ok() || !wanted.ok() || current->is_allow_default || wanted->is_allow_default) continue;
        auto writes = change_writes(*current, *wanted);
        EXPECT_EQ(written(*current, writes).exceptions, wanted->exceptions);
        DeviceState state = *current;
        for (const DeviceWrite& write : writes) {
            state = written(state, {write});
            for (const auto& [key, access] : wanted->exceptions) {
                auto before = current->exceptions.find(key);
                std::uint8_t both = before == current->exceptions.end() ? 0 : access & before->second;
                ASSERT_TRUE(both == 0 || (state.exceptions[key] & both) == both) << "seed " << seed;
            }
        }
    }
}

TEST(CgroupDevices, AnUnchangedStateNeedsNoWrite) {
    auto state =
        device_state(complete_rules({rule(false, 'a', {}, {}, "rwm"), rule(true, 'c', 10, 200, "rw")}));
    ASSERT_TRUE(state.ok());
    EXPECT_TRUE(change_writes(*state, *state).empty());
    EXPECT_EQ(all_writes(*state)[0].line, "a");
    EXPECT_FALSE(all_writes(*state)[0].allow);
}

TEST(CgroupDevices, TheListOfTheKernelIsReadBack) {
    DeviceState state = parse_device_list("c 1:3 rwm\nb *:* m\nc 136:* rw\nc 1:3 m\n");
    EXPECT_FALSE(state.is_allow_default);
    EXPECT_EQ(state.exceptions.size(), 3U);
    EXPECT_EQ((state.exceptions[{'c', 136, kAny}]), kRead | kWrite);
    EXPECT_TRUE(parse_device_list("a *:* rwm\n").is_allow_default);
    EXPECT_TRUE(parse_device_list("x\n:\nc 1 2\n").exceptions.empty());
}

}  // namespace
}  // namespace urc::cgroup
