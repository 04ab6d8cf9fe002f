// Each refusal of validate.h once: a document that is right but for one thing, and the line that it gets.
#include "core/spec/validate.h"

#include <gtest/gtest.h>

#include "core/spec/default_spec.h"
#include "core/spec/parse.h"
#include "tests/core/spec/refusals.h"

namespace urc {
namespace {

using spec::NamespaceType;
using spec::Spec;
using test::expect_refused;
using test::plain;
using test::Row;
using test::verdict;

Spec with_user_namespace() {
    Spec spec = plain();
    spec.linux.namespaces.push_back({NamespaceType::user, ""});
    spec.linux.uid_mappings = {{0, 1000, 10}};
    spec.linux.gid_mappings = {{0, 2000, 10}};
    return spec;
}

void drop(Spec& spec, NamespaceType type) {
    std::erase_if(spec.linux.namespaces, [&](const spec::Namespace& ns) { return ns.type == type; });
}

TEST(Validate, AcceptsTheUsualConfigurations) {
    EXPECT_EQ(verdict(validate(plain())), "accepted");
    EXPECT_EQ(verdict(validate(with_user_namespace())), "accepted");
    for (const std::string& text : {test::docker_like(), default_spec(false, 0, 0, false),
                                    default_spec(false, 0, 0, true), default_spec(true, 0, 0, false)}) {
        auto result = parse_spec(text);
        ASSERT_TRUE(result.ok());
        EXPECT_EQ(verdict(validate(*result)), "accepted");
        EXPECT_TRUE(warnings(*result).empty());
    }
    auto rootless = parse_spec(default_spec(true, 1000, 1000, false));
    ASSERT_TRUE(rootless.ok());
    EXPECT_EQ(verdict(validate(*rootless, {.is_rootless = true})), "accepted");
}

TEST(Validate, RefusesTheTopOfADocument) {
    constexpr Row kRows[] = {
        {"ociVersion: is missing", [](Spec& s) { s.oci_version = ""; }},
        {"ociVersion: \"2.0.0\" is not supported, only 1.x is", [](Spec& s) { s.oci_version = "2.0.0"; }},
        {"ociVersion: \"1\" is not supported, only 1.x is", [](Spec& s) { s.oci_version = "1"; }},
        {"ociVersion: \"1.0.x\" is not supported, only 1.x is", [](Spec& s) { s.oci_version = "1.0.x"; }},
        {"ociVersion: \"11.0.0\" is not supported, only 1.x is", [](Spec& s) { s.oci_version = "11.0.0"; }},
        {"process: is missing", [](Spec& s) { s.process.reset(); }},
        {"root: is missing", [](Spec& s) { s.root.reset(); }},
        {"root.path: must not be empty", [](Spec& s) { s.root->path = ""; }},
        {"annotations: a key must not be empty",
         [](Spec& s) {
             s.annotations = {{"", "x"}};
         }},
    };
    for (const Row& row : kRows) expect_refused(row, plain());
}

TEST(Validate, AcceptsEveryVersionOfOne) {
    for (const char* version : {"1.0.0", "1.0", "1.0.2-dev", "1.3.0", "1.99.0+build.5", "1.0.0-rc5-dev"}) {
        Spec spec = plain();
        spec.oci_version = version;
        EXPECT_EQ(verdict(validate(spec)), "accepted") << version;
    }
}

TEST(Validate, RefusesAProcessThatCannotBe) {
    constexpr Row kRows[] = {
        {"process.args: args must not be empty", [](Spec& s) { s.process->args.clear(); }},
        {"process.cwd: must be an absolute path, not \"tmp\"", [](Spec& s) { s.process->cwd = "tmp"; }},
        {"process.cwd: must be an absolute path, not \"\"", [](Spec& s) { s.process->cwd = ""; }},
        {"process.env[1]: no '=' in the environment variable \"HOME\"",
         [](Spec& s) { s.process->env.push_back("HOME"); }},
        {"process.env[1]: environment variable without a name",
         [](Spec& s) { s.process->env.push_back("=x"); }},
        {"process.env[1]: environment variable with a NUL character",
         [](Spec& s) { s.process->env.push_back(std::string("A=\0B", 4)); }},
        {"process.user.uid: 4294967295 is no user id", [](Spec& s) { s.process->user.uid = 4294967295; }},
        {"process.user.gid: 4294967295 is no group id", [](Spec& s) { s.process->user.gid = 4294967295; }},
        {"process.user.additionalGids[1]: 4294967295 is no group id",
         [](Spec& s) {
             s.process->user.additional_gids = {1, 4294967295};
         }},
        {"process.user.umask: more than 0777 (octal)", [](Spec& s) { s.process->user.umask = 01000; }},
        {"process.rlimits[1]: a second RLIMIT_NOFILE",
         [](Spec& s) {
             s.process->rlimits = {{7, 1, 1}, {7, 2, 2}};
         }},
        {"process.rlimits[0]: the soft rlimit is above the hard one",
         [](Spec& s) {
             s.process->rlimits = {{7, 2, 1}};
         }},
        {"process.oomScoreAdj: 1001 is not within -1000 and 1000",
         [](Spec& s) { s.process->oom_score_adj = 1001; }},
        {"process.oomScoreAdj: -1001 is not within -1000 and 1000",
         [](Spec& s) { s.process->oom_score_adj = -1001; }},
        {"process.ioPriority.priority: not within 0 and 7",
         [](Spec& s) {
             s.process->io_priority = {2, 8};
         }},
        {"process.execCPUAffinity.initial: not a list of processors: \"1-\"",
         [](Spec& s) {
             s.process->exec_cpu_affinity = {"1-", "0"};
         }},
        {"process.execCPUAffinity.final: not a list of processors: \"3-1\"",
         [](Spec& s) {
             s.process->exec_cpu_affinity = {"0-3,7", "3-1"};
         }},
    };
    for (const Row& row : kRows) expect_refused(row, plain());
}

TEST(Validate, RefusesSchedulingThatTheKernelHasNot) {
    constexpr Row kRows[] = {
        {"process.scheduler.policy: the kernel has no SCHED_ISO",
         [](Spec& s) { s.process->scheduler = {.policy = 4}; }},
        {"process.scheduler.nice: 20 is not within -20 and 19",
         [](Spec& s) { s.process->scheduler = {.policy = 0, .nice = 20}; }},
        {"process.scheduler.nice: -21 is not within -20 and 19",
         [](Spec& s) { s.process->scheduler = {.policy = 0, .nice = -21}; }},
        {"process.scheduler.priority: only for SCHED_FIFO and SCHED_RR",
         [](Spec& s) { s.process->scheduler = {.policy = 0, .priority = 1}; }},
        {"process.scheduler.priority: not within 1 and 99",
         [](Spec& s) { s.process->scheduler = {.policy = 1, .priority = 0}; }},
        {"process.scheduler.priority: not within 1 and 99",
         [](Spec& s) { s.process->scheduler = {.policy = 2, .priority = 100}; }},
        {"process.scheduler: runtime, deadline and period are only for SCHED_DEADLINE",
         [](Spec& s) { s.process->scheduler = {.policy = 3, .runtime = 1}; }},
        {"process.scheduler: SCHED_DEADLINE needs 0 < runtime <= deadline <= period",
         [](Spec& s) { s.process->scheduler = {.policy = 6, .runtime = 20, .deadline = 10}; }},
        {"process.scheduler: SCHED_DEADLINE needs 0 < runtime <= deadline <= period",
         [](Spec& s) { s.process->scheduler = {.policy = 6, .runtime = 1, .deadline = 10, .period = 5}; }},
    };
    for (const Row& row : kRows) expect_refused(row, plain());
}

TEST(Validate, RefusesNamespacesThatCannotBe) {
    constexpr Row kRows[] = {
        {"linux.namespaces[6]: a second pid namespace",
         [](Spec& s) {
             s.linux.namespaces.push_back({NamespaceType::pid, "/x"});
         }},
        {"linux.namespaces[0].path: must be an absolute path, not \"x\"",
         [](Spec& s) { s.linux.namespaces[0].path = "x"; }},
        {"hostname: cannot be set without a uts namespace",
         [](Spec& s) { s.hostname = "h", drop(s, NamespaceType::uts); }},
        {"domainname: cannot be set without a uts namespace",
         [](Spec& s) { s.domainname = "d", drop(s, NamespaceType::uts); }},
        {"hostname: longer than 64 characters", [](Spec& s) { s.hostname.assign(65, 'x'); }},
        {"domainname: longer than 64 characters", [](Spec& s) { s.domainname.assign(65, 'x'); }},
        {"linux.timeOffsets.monotonic: needs a new time namespace",
         [](Spec& s) { s.linux.monotonic_offset.emplace(); }},
        {"linux.timeOffsets.boottime: needs a new time namespace",
         [](Spec& s) {
             s.linux.boottime_offset.emplace();
             s.linux.namespaces.push_back({NamespaceType::time, "/proc/1/ns/time"});
         }},
        {"linux.timeOffsets.boottime.nanosecs: a second or more",
         [](Spec& s) {
             s.linux.boottime_offset = {0, 1000000000};
             s.linux.namespaces.push_back({NamespaceType::time, ""});
         }},
        {"linux.netDevices: needs a network namespace",
         [](Spec& s) {
             s.linux.net_devices = {{"eth0", ""}};
             drop(s, NamespaceType::network);
         }},
        {"linux.netDevices[\"a/b\"]: not the name of an interface",
         [](Spec& s) {
             s.linux.net_devices = {{"a/b", ""}};
         }},
        {"linux.netDevices[\"eth0\"]: not the name of an interface",
         [](Spec& s) {
             s.linux.net_devices = {{"eth0", "sixteen-letters-"}};
         }},
        {"linux.netDevices[\"eth0\"]: not the name of an interface",
         [](Spec& s) {
             s.linux.net_devices = {{"eth0", "eth%d"}};
         }},
        {"linux.netDevices[\"eth0:1\"]: not the name of an interface",
         [](Spec& s) {
             s.linux.net_devices = {{"eth0:1", ""}};
         }},
        {"linux.netDevices[\"eth1\"]: a second device named \"eth1\"",
         [](Spec& s) {
             s.linux.net_devices = {{"eth0", "eth1"}, {"eth1", ""}};
         }},
    };
    for (const Row& row : kRows) expect_refused(row, plain());
}

TEST(Validate, RefusesIdsThatAreNotMapped) {
    constexpr Row kPlain[] = {
        {"linux.uidMappings: there is no user namespace",
         [](Spec& s) {
             s.linux.uid_mappings = {{0, 0, 1}};
         }},
        {"linux.gidMappings: there is no user namespace",
         [](Spec& s) {
             s.linux.gid_mappings = {{0, 0, 1}};
         }},
        {"linux.uidMappings: a new user namespace needs mappings",
         [](Spec& s) {
             s.linux.namespaces.push_back({NamespaceType::user, ""});
         }},
    };
    for (const Row& row : kPlain) expect_refused(row, plain());
    constexpr Row kMapped[] = {
        {"linux.gidMappings: a new user namespace needs mappings",
         [](Spec& s) { s.linux.gid_mappings.clear(); }},
        {"linux.uidMappings: the container's root (0) is not mapped",
         [](Spec& s) {
             s.linux.uid_mappings = {{1, 1000, 10}};
         }},
        {"linux.gidMappings: the container's root (0) is not mapped",
         [](Spec& s) {
             s.linux.gid_mappings = {{1, 1000, 10}};
         }},
        {"process.user.uid: 10 is not in linux.uidMappings", [](Spec& s) { s.process->user.uid = 10; }},
        {"process.user.gid: 10 is not in linux.gidMappings", [](Spec& s) { s.process->user.gid = 10; }},
        {"process.user.additionalGids[1]: 77 is not in linux.gidMappings",
         [](Spec& s) {
             s.process->user.additional_gids = {9, 77};
         }},
    };
    for (const Row& row : kMapped) expect_refused(row, with_user_namespace());
}

TEST(Validate, RefusesMapsThatTheKernelWouldNotTake) {
    constexpr Row kRows[] = {
        {"linux.uidMappings[1].size: must not be 0",
         [](Spec& s) {
             s.linux.uid_mappings.push_back({100, 100, 0});
         }},
        {"linux.uidMappings[1]: goes past the last id of the container",
         [](Spec& s) {
             s.linux.uid_mappings.push_back({4294967290, 5, 6});
         }},
        {"linux.gidMappings[1]: goes past the last id of the host",
         [](Spec& s) {
             s.linux.gid_mappings.push_back({100, 4294967295, 1});
         }},
        {"linux.uidMappings: two ranges have container ids in common",
         [](Spec& s) {
             s.linux.uid_mappings.push_back({9, 5000, 10});
         }},
        {"linux.gidMappings: two ranges have host ids in common",
         [](Spec& s) {
             s.linux.gid_mappings.push_back({100, 1991, 10});
         }},
        {"linux.uidMappings: 341 ranges, the kernel takes 340",
         [](Spec& s) {
             s.linux.uid_mappings.clear();
             for (std::uint32_t i = 0; i < 341; ++i) s.linux.uid_mappings.push_back({i, i, 1});
         }},
        {"linux.uidMappings: longer than the page that the kernel takes",
         [](Spec& s) {
             s.linux.uid_mappings = {{0, 0, 1}};
             for (std::uint32_t i = 0; i < 300; ++i)
                 s.linux.uid_mappings.push_back({100000 + i, 1000000 + i, 1});
         }},
    };
    for (const Row& row : kRows) expect_refused(row, with_user_namespace());
}

TEST(Validate, AcceptsMapsThatTouchAndAJoinedUserNamespaceWithoutAny) {
    Spec spec = with_user_namespace();
    spec.linux.uid_mappings = {{10, 0, 5}, {0, 5, 10}, {15, 15, 4294967280}};
    EXPECT_EQ(verdict(validate(spec)), "accepted");
    spec.linux.uid_mappings.clear();
    spec.linux.gid_mappings.clear();
    spec.linux.find(NamespaceType::user);
    spec.linux.namespaces.back().path = "/proc/1/ns/user";
    EXPECT_EQ(verdict(validate(spec)), "accepted");
}

TEST(Validate, RefusesMountsThatCannotBe) {
    constexpr Row kRows[] = {
        {"mounts[0].destination: must not be empty", [](Spec& s) { s.mounts.push_back({}); }},
        {"mounts[0].source: a bind mount needs one",
         [](Spec& s) { s.mounts.push_back({.destination = "/x", .type = "bind"}); }},
        {"mounts[0].source: a bind mount needs one",
         [](Spec& s) { s.mounts.push_back({.destination = "/x", .options = {"rbind"}}); }},
        {"mounts[0]: only bind mounts can have mapped ids",
         [](Spec& s) { s.mounts.push_back({.destination = "/x", .type = "tmpfs", .options = {"idmap"}}); }},
        {"mounts[0]: uidMappings and gidMappings belong together",
         [](Spec& s) {
             s.mounts.push_back(
                 {.destination = "/x", .type = "bind", .source = "/", .uid_mappings = {{0, 1, 1}}});
         }},
        {"mounts[0]: idmap needs uidMappings and gidMappings or a user namespace",
         [](Spec& s) {
             s.mounts.push_back({.destination = "/x", .type = "bind", .source = "/", .options = {"ridmap"}});
         }},
        {"mounts[0].gidMappings[0].size: must not be 0",
         [](Spec& s) {
             s.mounts.push_back({.destination = "/x",
                                 .type = "bind",
                                 .source = "/",
                                 .uid_mappings = {{0, 1, 1}},
                                 .gid_mappings = {{0, 1, 0}}});
         }},
        {"linux.maskedPaths[1]: must be an absolute path",
         [](Spec& s) {
             s.linux.masked_paths = {"/a", "b"};
         }},
        {"linux.readonlyPaths[0]: must be an absolute path", [](Spec& s) { s.linux.readonly_paths = {""}; }},
    };
    for (const Row& row : kRows) expect_refused(row, plain());
}

TEST(Validate, RefusesWorkOnTheHostsOwnMounts) {
    constexpr Row kRows[] = {
        {"mounts: needs a mount namespace",
         [](Spec& s) { s.mounts.push_back({.destination = "/proc", .type = "proc"}); }},
        {"root.readonly: needs a mount namespace", [](Spec& s) { s.root->readonly = true; }},
        {"linux.maskedPaths: needs a mount namespace", [](Spec& s) { s.linux.masked_paths = {"/a"}; }},
        {"linux.readonlyPaths: needs a mount namespace", [](Spec& s) { s.linux.readonly_paths = {"/a"}; }},
        {"linux.rootfsPropagation: needs a mount namespace",
         [](Spec& s) { s.linux.rootfs_propagation = spec::Propagation::shared; }},
    };
    Spec spec = plain();
    drop(spec, NamespaceType::mount);
    for (const Row& row : kRows) expect_refused(row, spec);
}

TEST(Validate, RefusesWhatOnlyRootMayAsk) {
    constexpr Row kRows[] = {
        {"linux.namespaces: without root's rights a user namespace is needed",
         [](Spec& s) {
             drop(s, NamespaceType::user);
             s.linux.uid_mappings.clear();
             s.linux.gid_mappings.clear();
         }},
        {"linux.netDevices: needs root's rights",
         [](Spec& s) {
             s.linux.net_devices = {{"eth0", ""}};
         }},
        {"mounts[0]: mapped ids need root's rights",
         [](Spec& s) {
             s.mounts.push_back({.destination = "/x", .type = "bind", .source = "/", .options = {"idmap"}});
         }},
        {"mounts[0].options: \"gid=10\" is not mapped in the user namespace",
         [](Spec& s) {
             s.mounts.push_back({.destination = "/x", .type = "devpts", .options = {"gid=9", "gid=10"}});
         }},
        {"mounts[0].options: \"uid=10\" is not mapped in the user namespace",
         [](Spec& s) { s.mounts.push_back({.destination = "/x", .type = "tmpfs", .options = {"uid=10"}}); }},
    };
    for (const Row& row : kRows) expect_refused(row, with_user_namespace(), {.is_rootless = true});
}

TEST(Validate, RefusesHooksThatCannotRun) {
    constexpr Row kRows[] = {
        {"hooks.prestart[0].path: must be an absolute path",
         [](Spec& s) { s.hooks.prestart.push_back({.path = "x"}); }},
        {"hooks.createRuntime[0].timeout: must be more than 0",
         [](Spec& s) { s.hooks.create_runtime.push_back({.path = "/x", .timeout_s = 0}); }},
        {"hooks.createContainer[0].path: must be an absolute path",
         [](Spec& s) { s.hooks.create_container.push_back({}); }},
        {"hooks.startContainer[0].env[0]: no '=' in the environment variable \"A\"",
         [](Spec& s) { s.hooks.start_container.push_back({.path = "/x", .env = {"A"}}); }},
        {"hooks.poststart[0].timeout: must be more than 0",
         [](Spec& s) { s.hooks.poststart.push_back({.path = "/x", .timeout_s = -1}); }},
        {"hooks.poststop[0].path: must be an absolute path",
         [](Spec& s) { s.hooks.poststop.push_back({.path = ""}); }},
    };
    for (const Row& row : kRows) expect_refused(row, plain());
}

TEST(Validate, PartsNameTheirOwnDocument) {
    EXPECT_EQ(verdict(validate_process({})), "process.json: args: args must not be empty");
    spec::Process process;
    process.args = {"x"};
    EXPECT_EQ(verdict(validate_process(process)), "process.json: cwd: must be an absolute path, not \"\"");
    process.cwd = "/";
    EXPECT_EQ(verdict(validate_process(process)), "accepted");
    spec::Resources resources;
    EXPECT_EQ(verdict(validate_resources(resources)), "accepted");
    resources.cpu.emplace().idle = 5;
    EXPECT_EQ(verdict(validate_resources(resources)), "resources.json: cpu.idle: must be 0 or 1");
}

TEST(Validate, AValueFromAnOptionIsCalledByIt) {
    constexpr FieldName kNames[] = {{"cpu.idle", "--cpu-idle"}, {"memory.swap", "--memory-swap"}};
    spec::Resources resources;
    EXPECT_EQ(verdict(validate_resources(resources, kNames)), "accepted");
    resources.cpu.emplace().idle = 5;
    EXPECT_EQ(verdict(validate_resources(resources, kNames)), "--cpu-idle: must be 0 or 1");
    resources.cpu.emplace().quota = -7;
    EXPECT_EQ(verdict(validate_resources(resources, kNames)), "cpu.quota: less than -1 (unlimited)");
}

TEST(Warnings, NameUnknownCapabilitiesRelativeDestinationsAndObsoleteLimits) {
    Spec spec = plain();
    EXPECT_TRUE(warnings(spec).empty());
    spec.process->capabilities.emplace().unknown = {"CAP_FROB"};
    spec.mounts = {{.destination = "/a", .type = "tmpfs"}, {.destination = "b/c", .type = "tmpfs"}};
    spec.linux.resources.memory.emplace().kernel = 1;
    spec.linux.resources.memory->kernel_tcp = 1;
    EXPECT_EQ(verdict(validate(spec)), "accepted");
    EXPECT_EQ(warnings(spec), (std::vector<std::string>{
                                  "process.capabilities: unknown capability \"CAP_FROB\" is passed over",
                                  "mounts[1].destination: \"b/c\" is not absolute, taken as below /",
                                  "linux.resources.memory.kernel: obsolete, ignored",
                                  "linux.resources.memory.kernelTCP: obsolete, ignored"}));
}

}  // namespace
}  // namespace urc
