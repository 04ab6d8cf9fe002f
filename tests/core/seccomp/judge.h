// Two judges of a compiled filter that share nothing with the compiler but libseccomp's table of names.
//
// libseccomp_filter() feeds libseccomp the way runc does and takes the BPF that comes out; runc's addition,
// ENOSYS for young syscalls, is left to PlainReading. That one reads the rules one by one, as a person would:
// it gives several answers where rules contradict each other.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace urc::seccomp_test {

struct Argument {
    unsigned index = 0;
    scmp_compare op = SCMP_CMP_EQ;
    std::uint64_t value = 0, value_two = 0;
};

struct Rule {
    std::vector<std::string> names;
    std::uint32_t action = SCMP_ACT_ALLOW;
    std::vector<Argument> arguments;
};

struct Profile {
    std::uint32_t default_action = SCMP_ACT_ERRNO(EPERM);
    std::vector<std::uint32_t> architectures;  // SCMP_ARCH_*; the native one is always meant, too
    std::vector<Rule> rules;
};

std::string to_json(const Profile& profile);

// The profile of tests/data/docker-like-config.json, and the text of its section.
Profile docker_profile(std::string* section = nullptr);

enum class Layout { linear, tree };
// nullopt: libseccomp refuses one of the rules.
std::optional<std::vector<sock_filter>> libseccomp_filter(const Profile& profile,
                                                          Layout layout = Layout::linear);

// What the rules say about one call.
struct Meaning {
    std::set<std::uint32_t> answers;  // more than one: rules contradict each other
    bool is_young = false;            // younger than the profile, so ENOSYS; libseccomp knows nothing of it

    // libseccomp 2.5.4 gets lost: there are several rules on this syscall, and one of them compares in order,
    // or goes on after a != to another argument, or several arguments meet with masks. Then blocks of its
    // program find the wrong word in the accumulator, and chains are grafted on branches that are not theirs.
    bool is_beyond_libseccomp = false;
    bool has_unequal = false;  // one of the rules says != or <, <=, >, >=
};

class PlainReading {
public:
    explicit PlainReading(const Profile& profile);
    Meaning of(const seccomp_data& call) const;

private:
    struct Alternative {
        std::vector<Argument> arguments;
        std::uint32_t action = 0;
        bool is_wide = false;  // 64-bit arguments
    };
    void add(std::uint32_t token, int number, std::vector<Argument> arguments, std::uint32_t action);
    bool is_young(const seccomp_data& call) const;

    std::uint32_t default_action_;
    std::map<std::pair<std::uint32_t, int>, std::vector<Alternative>> alternatives_;  // by audit and number
    std::map<std::uint32_t, std::uint32_t> newest_;                                   // by token
};

// Every AUDIT_ARCH_* number of libseccomp and two that nobody has.
const std::vector<std::uint32_t>& all_audits();

// Calls worth asking about: each number in `numbers` under each audit number, with arguments derived from the
// rules' values. Deterministic in `seed`.
std::vector<seccomp_data> calls_for(const Profile& profile, const std::vector<std::uint32_t>& audits,
                                    const std::vector<std::uint32_t>& numbers, unsigned per_number,
                                    std::uint64_t seed);

// The numbers that the rules of `profile` talk about, their neighbours, and some far ones.
std::vector<std::uint32_t> numbers_of(const Profile& profile);

std::string describe(const seccomp_data& call);

}  // namespace urc::seccomp_test
