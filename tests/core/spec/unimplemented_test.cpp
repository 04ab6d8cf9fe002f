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
        {"hooks.prestart", [](Spec& s) { s.hooks.prestart.push_back({.path = "/x"}); }},
        {"hooks.createRuntime", [](Spec& s) { s.hooks.create_runtime.push_back({.path = "/x"}); }},
        {"hooks.createContainer", [](Spec& s) { s.hooks.create_container.push_back({.path = "/x"}); }},
        {"hooks.startContainer", [](Spec& s) { s.hooks.start_container.push_back({.path = "/x"}); }},
        {"hooks.poststart", [](Spec& s) { s.hooks.poststart.push_back({.path = "/x"}); }},
        {"hooks.poststop", [](Spec& s) { s.hooks.poststop.push_back({.path = "/x"}); }},
        {"linux.intelRdt", [](Spec& s) { s.linux.intel_rdt.emplace(); }},
        {"linux.netDevices",
         [](Spec& s) {
             s.linux.net_devices = {{"eth0", ""}};
         }},
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
