// A field that urc does not act on is refused by name. Work that implements one deletes its row here too.
#include "tests/core/spec/refusals.h"

namespace urc {
namespace {

using spec::Spec;
using test::plain;
using test::verdict;

TEST(RefuseUnimplemented, NamesEachFieldThatNothingActsOn) {
    struct Row {
        const char* field;
        void (*set)(Spec&);
    };
    constexpr Row kRows[] = {
        {"linux.intelRdt", [](Spec& s) { s.linux.intel_rdt.emplace(); }},
    };
    for (const Row& row : kRows) {
        Spec spec = plain();
        row.set(spec);
        auto result = refuse_unimplemented(spec);
        EXPECT_EQ(verdict(result), std::string("config.json: ") + row.field + ": not supported yet");
        EXPECT_EQ(result.ok() ? 0 : result.error().code(), ENOTSUP);
    }
}

TEST(RefuseUnimplemented, AcceptsWhatIsActedOnOrMayBeDropped) {
    Spec spec = plain();
    spec.process->apparmor_profile = "docker-default";
    spec.process->selinux_label = "x";
    spec.process->terminal = true;
    spec.process->exec_cpu_affinity.emplace().initial = "0";
    spec.linux.mount_label = "label";
    spec.linux.seccomp = "{}";
    EXPECT_EQ(verdict(refuse_unimplemented(spec)), "accepted");
    auto docker = parse_spec(test::docker_like());
    ASSERT_TRUE(docker.ok());
    EXPECT_EQ(verdict(refuse_unimplemented(*docker)), "accepted");
}

}  // namespace
}  // namespace urc
