// The compiler against libseccomp's filters and against the plain meaning of the rules.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/seccomp/seccomp.h"
#include "tests/core/seccomp/bpf_machine.h"
#include "tests/core/seccomp/generator.h"
#include "tests/core/seccomp/judge.h"

namespace urc::seccomp_test {
namespace {

using Filter = std::vector<sock_filter>;

// Asks `ours` and `theirs` about every call; returns how often libseccomp could be compared. Stops at the
// first call that is answered wrongly.
unsigned compare(const Profile& profile, const Filter& ours, const std::optional<Filter>& theirs,
                 const std::vector<seccomp_data>& calls) {
    PlainReading reading(profile);
    unsigned compared = 0;
    for (const seccomp_data& call : calls) {
        Meaning meaning = reading.of(call);
        auto answer = run(ours, call);
        if (!answer || !meaning.answers.contains(*answer)) {
            ADD_FAILURE() << describe(call) << std::hex << ": answered " << answer.value_or(~0u) << ", meant "
                          << *meaning.answers.begin();
            return compared;
        }
        if (!theirs || meaning.is_young || meaning.is_beyond_libseccomp) continue;
        auto their_answer = run(*theirs, call);
        // Where rules contradict each other, libseccomp's choice is followed as far as it follows an order.
        bool may_differ = meaning.answers.size() > 1 && meaning.has_unequal;
        bool is_right = may_differ ? meaning.answers.contains(*their_answer) : their_answer == answer;
        if (!is_right) {
            ADD_FAILURE() << describe(call) << std::hex << ": answered " << *answer << ", libseccomp answers "
                          << their_answer.value_or(~0u);
            return compared;
        }
        ++compared;
    }
    return compared;
}

Filter compiled(const std::string& section) {
    auto program = seccomp::compile(section);
    EXPECT_TRUE(program.ok()) << program.error().text() << "\n" << section;
    Filter filter = program.ok() ? program->instructions : Filter{};
    EXPECT_EQ(find_flaw(filter), "") << section;
    return filter;
}

TEST(SeccompEquivalence, DockerProfileAnswersLikeLibseccompForEveryNumberAndArchitecture) {
    std::string section;
    const Profile profile = docker_profile(&section);
    const Filter ours = compiled(section);
    EXPECT_LT(ours.size(), 500u);

    std::vector<std::uint32_t> numbers = numbers_of(profile);
    for (std::uint32_t n = 0; n <= 1024; ++n)
        for (std::uint32_t number : {n, n | 0x40000000, n | 0x80000000, n | 0xc0000000, 0u - n})
            numbers.push_back(number);
    for (Layout layout : {Layout::linear, Layout::tree}) {
        auto theirs = libseccomp_filter(profile, layout);
        ASSERT_TRUE(theirs.has_value());
        EXPECT_GT(theirs->size(), 2 * ours.size());
        EXPECT_GT(compare(profile, ours, theirs, calls_for(profile, all_audits(), numbers, 1, 1)), 50000u);
        // The calls with conditions: personality, and socket, which x86 also reaches through socketcall.
        std::vector<std::uint32_t> conditional = {135, 136, 41, 102, 359, 0x40000029, 0x40000087};
        auto calls = calls_for(profile, {SCMP_ARCH_X86_64, SCMP_ARCH_X86}, conditional, 2000, 2);
        EXPECT_GT(compare(profile, ours, theirs, calls), 10000u);
    }
}

TEST(SeccompEquivalence, DockerProfileWithAnotherDefaultAndOtherArchitecturesStillAnswersLikeLibseccomp) {
    using Tokens = std::vector<std::uint32_t>;
    for (std::uint32_t action : {SCMP_ACT_ERRNO(EPERM), SCMP_ACT_KILL_PROCESS, SCMP_ACT_LOG, SCMP_ACT_TRAP}) {
        for (const Tokens& architectures : {Tokens{}, Tokens{SCMP_ARCH_X86}, Tokens{SCMP_ARCH_X32},
                                            Tokens{SCMP_ARCH_AARCH64, SCMP_ARCH_ARM}}) {
            Profile profile = docker_profile();
            profile.default_action = action;
            profile.architectures = architectures;
            auto theirs = libseccomp_filter(profile, Layout::tree);
            ASSERT_TRUE(theirs.has_value());
            auto calls = calls_for(profile, all_audits(), numbers_of(profile), 2, 3);
            EXPECT_GT(compare(profile, compiled(to_json(profile)), theirs, calls), 10000u)
                << std::hex << action << " with " << architectures.size() << " architectures";
        }
    }
}

unsigned seeds() {
    const char* text = std::getenv("URC_SECCOMP_SEEDS");
    return text != nullptr ? static_cast<unsigned>(std::atoi(text)) : 300;
}

class SeccompEquivalenceOfRandomProfiles : public testing::TestWithParam<Kind> {};

TEST_P(SeccompEquivalenceOfRandomProfiles, AnswersAsTheRulesSayAndLikeLibseccomp) {
    unsigned compared = 0, refused = 0;
    for (unsigned seed = 1; seed <= seeds(); ++seed) {
        const Profile profile = random_profile(seed, GetParam());
        const std::string section = to_json(profile);
        SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + section);
        // In its linear layout libseccomp 2.5.4 forgets to load the number when the first syscall of an
        // architecture does not exist there.
        auto theirs = libseccomp_filter(profile, Layout::tree);
        auto ours = seccomp::compile(section);
        if (!ours.ok()) {
            // Contradictions only. libseccomp refuses some more, those on syscalls that do not exist here,
            // and overlooks some among comparisons in order.
            EXPECT_TRUE(!theirs || GetParam() == Kind::anything) << ours.error().text();
            ++refused;
            continue;
        }
        ASSERT_EQ(find_flaw(ours->instructions), "");
        std::vector<std::uint32_t> audits = profile.architectures;
        audits.insert(audits.end(), {SCMP_ARCH_X86_64, SCMP_ARCH_RISCV64, SCMP_ARCH_X32, 0});
        auto calls = calls_for(profile, audits, numbers_of(profile), 20, seed);
        compared += compare(profile, ours->instructions, theirs, calls);
        if (HasFailure()) return;
    }
    EXPECT_GT(compared, 1000 * seeds());
    EXPECT_LT(refused, seeds() / 2);
}

INSTANTIATE_TEST_SUITE_P(EachKind, SeccompEquivalenceOfRandomProfiles,
                         testing::Values(Kind::simple, Kind::plain, Kind::anything));

}  // namespace
}  // namespace urc::seccomp_test
