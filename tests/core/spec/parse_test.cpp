// Every field read right, and the rules that hold for all of them: null, unknown and repeated keys, bounds.
#include "core/spec/parse.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "core/spec/default_spec.h"
#include "tests/core/spec/documents.h"

namespace urc {
namespace {

using spec::NamespaceType;
using spec::Spec;
using test::kEveryField;
using Strings = std::vector<std::string>;

Spec parsed(std::string_view json) {
    auto result = parse_spec(json);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().text());
    return result.ok() ? std::move(*result) : Spec{};
}

std::string refused(std::string_view json) {
    auto result = parse_spec(json);
    return result.ok() ? "accepted" : result.error().text();
}

constexpr std::uint64_t bit(int number) {
    return std::uint64_t{1} << number;
}

TEST(ParseSpec, ReadsEveryFieldOfProcess) {
    Spec spec = parsed(kEveryField);
    ASSERT_TRUE(spec.process);
    const spec::Process& process = *spec.process;
    EXPECT_TRUE(process.terminal);
    ASSERT_TRUE(process.console_size);
    EXPECT_EQ(process.console_size->height, 25);
    EXPECT_EQ(process.console_size->width, 80);
    EXPECT_EQ(process.user.uid, 1u);
    EXPECT_EQ(process.user.gid, 2u);
    EXPECT_EQ(process.user.umask, mode_t{18});
    EXPECT_EQ(process.user.additional_gids, (std::vector<gid_t>{5, 6}));
    EXPECT_EQ(process.user.username, "u");
    EXPECT_EQ(process.args, (Strings{"sh", "-c", "echo \xc3\xa9\n"}));
    EXPECT_EQ(process.env, (Strings{"PATH=/bin", "A=1\n2"}));
    EXPECT_EQ(process.cwd, "/tmp");
    EXPECT_TRUE(process.no_new_privileges);
    EXPECT_EQ(process.apparmor_profile, "profile");
    EXPECT_EQ(process.oom_score_adj, -500);
    EXPECT_EQ(process.selinux_label, "system_u:system_r:t");
}

TEST(ParseSpec, ReadsCapabilitiesAsBitsAndKeepsUnknownNamesOnce) {
    Spec spec = parsed(kEveryField);
    ASSERT_TRUE(spec.process && spec.process->capabilities);
    const spec::Capabilities& caps = *spec.process->capabilities;
    EXPECT_EQ(caps.bounding, bit(CAP_CHOWN) | bit(40));
    EXPECT_EQ(caps.effective, bit(CAP_KILL));
    EXPECT_EQ(caps.inheritable, 0u);
    EXPECT_EQ(caps.permitted, bit(CAP_NET_ADMIN));
    EXPECT_EQ(caps.ambient, bit(CAP_SYS_ADMIN));
    EXPECT_EQ(caps.unknown, (Strings{"CAP_FROB", "cap_kill"}));
}

TEST(ParseSpec, ReadsLimitsAndScheduling) {
    Spec spec = parsed(kEveryField);
    ASSERT_TRUE(spec.process);
    const spec::Process& process = *spec.process;
    ASSERT_EQ(process.rlimits.size(), 2u);
    EXPECT_EQ(process.rlimits[0].resource, RLIMIT_NOFILE);
    EXPECT_EQ(process.rlimits[0].soft, 1024u);
    EXPECT_EQ(process.rlimits[0].hard, 2048u);
    EXPECT_EQ(process.rlimits[1].resource, RLIMIT_CORE);
    EXPECT_EQ(process.rlimits[1].hard, RLIM_INFINITY);
    ASSERT_TRUE(process.scheduler);
    EXPECT_EQ(process.scheduler->policy, 6u);
    EXPECT_EQ(process.scheduler->nice, 3);
    EXPECT_EQ(process.scheduler->priority, 4);
    EXPECT_EQ(process.scheduler->flags, 3u);
    EXPECT_EQ(process.scheduler->runtime, 10u);
    EXPECT_EQ(process.scheduler->deadline, 20u);
    EXPECT_EQ(process.scheduler->period, 30u);
    ASSERT_TRUE(process.io_priority);
    EXPECT_EQ(process.io_priority->io_class, 2);
    EXPECT_EQ(process.io_priority->priority, 4);
    ASSERT_TRUE(process.exec_cpu_affinity);
    EXPECT_EQ(process.exec_cpu_affinity->initial, "0-3,7");
    EXPECT_EQ(process.exec_cpu_affinity->final, "1");
}

TEST(ParseSpec, ReadsTheRootFileSystemAndHooks) {
    Spec spec = parsed(kEveryField);
    EXPECT_EQ(spec.oci_version, "1.2.1");
    ASSERT_TRUE(spec.root);
    EXPECT_EQ(spec.root->path, "rootfs");
    EXPECT_TRUE(spec.root->readonly);
    EXPECT_EQ(spec.hostname, "host");
    EXPECT_EQ(spec.domainname, "domain");
    ASSERT_EQ(spec.mounts.size(), 1u);
    EXPECT_EQ(spec.mounts[0].destination, "/d");
    EXPECT_EQ(spec.mounts[0].type, "t");
    EXPECT_EQ(spec.mounts[0].source, "/s");
    EXPECT_EQ(spec.mounts[0].options, (Strings{"rbind", "ro"}));
    ASSERT_EQ(spec.mounts[0].uid_mappings.size(), 1u);
    EXPECT_EQ(spec.mounts[0].uid_mappings[0].host_id, 2u);
    ASSERT_EQ(spec.mounts[0].gid_mappings.size(), 1u);
    EXPECT_EQ(spec.mounts[0].gid_mappings[0].size, 6u);
    ASSERT_EQ(spec.hooks.prestart.size(), 1u);
    EXPECT_EQ(spec.hooks.prestart[0].args, (Strings{"1", "x"}));
    EXPECT_EQ(spec.hooks.prestart[0].env, (Strings{"K=V"}));
    EXPECT_EQ(spec.hooks.prestart[0].timeout_s, 9);
    const std::vector<spec::Hook>* rest[] = {&spec.hooks.create_runtime, &spec.hooks.create_container,
                                             &spec.hooks.start_container, &spec.hooks.poststart,
                                             &spec.hooks.poststop};
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(rest[i]->size(), 1u);
        EXPECT_EQ((*rest[i])[0].path, "/" + std::to_string(i + 2));
        EXPECT_FALSE((*rest[i])[0].timeout_s);
    }
    EXPECT_EQ(spec.annotations, (spec::StringMap{{"a", "1"}, {"b.c", "2"}}));
}

TEST(ParseSpec, ReadsNamespacesMapsAndDevices) {
    spec::Linux os = parsed(kEveryField).linux;
    ASSERT_EQ(os.namespaces.size(), 8u);
    EXPECT_EQ(os.namespaces[0].type, NamespaceType::pid);
    ASSERT_TRUE(os.find(NamespaceType::network));
    EXPECT_EQ(os.find(NamespaceType::network)->path, "/n");
    EXPECT_TRUE(os.has_new(NamespaceType::time));
    ASSERT_EQ(os.uid_mappings.size(), 1u);
    EXPECT_EQ(os.uid_mappings[0].host_id, 1000u);
    ASSERT_EQ(os.gid_mappings.size(), 2u);
    EXPECT_EQ(os.gid_mappings[1].container_id, 20u);
    EXPECT_EQ(os.gid_mappings[1].size, 1u);
    ASSERT_EQ(os.devices.size(), 1u);
    EXPECT_EQ(os.devices[0].path, "/dev/x");
    EXPECT_EQ(os.devices[0].type, 'c');
    EXPECT_EQ(os.devices[0].major, 10);
    EXPECT_EQ(os.devices[0].minor, 200);
    EXPECT_EQ(os.devices[0].file_mode, mode_t{0666}) << "st_mode's file type is not part of the mode";
    EXPECT_EQ(os.devices[0].uid, uid_t{7});
    EXPECT_EQ(os.devices[0].gid, gid_t{8});
    ASSERT_EQ(os.net_devices.size(), 2u);
    EXPECT_EQ(os.net_devices[0].host_name, "eth1");
    EXPECT_EQ(os.net_devices[0].name, "inner");
    EXPECT_EQ(os.net_devices[1].name, "");
}

TEST(ParseSpec, ReadsTheRestOfLinux) {
    spec::Linux os = parsed(kEveryField).linux;
    EXPECT_EQ(os.sysctl, (spec::StringMap{{"net.ipv4.ip_forward", "1"}, {"kernel.sem", "1 2 3 4"}}));
    EXPECT_EQ(os.cgroups_path, "/a/b");
    EXPECT_EQ(os.seccomp, R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a}]"]}]})");
    EXPECT_EQ(os.rootfs_propagation, spec::Propagation::rslave);
    EXPECT_EQ(os.masked_paths, (Strings{"/proc/kcore"}));
    EXPECT_EQ(os.readonly_paths, (Strings{"/proc/sys"}));
    EXPECT_EQ(os.mount_label, "label");
    ASSERT_TRUE(os.intel_rdt);
    EXPECT_EQ(os.intel_rdt->clos_id, "c");
    EXPECT_EQ(os.intel_rdt->schemata, (Strings{"L3:0=f"}));
    EXPECT_EQ(os.intel_rdt->l3_cache_schema, "l3");
    EXPECT_EQ(os.intel_rdt->mem_bw_schema, "mb");
    EXPECT_TRUE(os.intel_rdt->enable_cmt && os.intel_rdt->enable_mbm && os.intel_rdt->enable_monitoring);
    ASSERT_TRUE(os.memory_policy);
    EXPECT_EQ(os.memory_policy->mode, "MPOL_BIND");
    EXPECT_EQ(os.memory_policy->nodes, "0");
    EXPECT_EQ(os.memory_policy->flags, (Strings{"MPOL_F_STATIC_NODES"}));
    EXPECT_EQ(os.personality, std::uint32_t{PER_LINUX32});
    ASSERT_TRUE(os.monotonic_offset && os.boottime_offset);
    EXPECT_EQ(os.monotonic_offset->secs, -5);
    EXPECT_EQ(os.monotonic_offset->nanosecs, 6u);
    EXPECT_EQ(os.boottime_offset->secs, 7);
    EXPECT_EQ(os.boottime_offset->nanosecs, 8u);
}

TEST(ParseSpec, ReadsResources) {
    spec::Resources resources = parsed(kEveryField).linux.resources;
    ASSERT_EQ(resources.devices.size(), 3u);
    const spec::DeviceRule& all = resources.devices[0];
    EXPECT_TRUE(!all.allow && all.type == 'a' && !all.major && !all.minor);
    EXPECT_TRUE(all.read && all.write && all.mknod);
    const spec::DeviceRule& null = resources.devices[1];
    EXPECT_TRUE(null.allow && null.type == 'c' && null.major == 1 && null.minor == 3);
    EXPECT_TRUE(null.read && null.write && !null.mknod);
    EXPECT_EQ(resources.devices[2].major, 8);
    EXPECT_FALSE(resources.devices[2].minor) << "-1 is any";
    ASSERT_TRUE(resources.memory);
    const spec::MemoryResources& memory = *resources.memory;
    EXPECT_TRUE(memory.limit == 1 && memory.reservation == 2 && memory.swap == -1 && memory.kernel == 4);
    EXPECT_TRUE(memory.kernel_tcp == 5 && memory.swappiness == 6u && memory.disable_oom_killer == true);
    EXPECT_TRUE(memory.use_hierarchy == false && memory.check_before_update == true);
    ASSERT_TRUE(resources.cpu);
    const spec::CpuResources& cpu = *resources.cpu;
    EXPECT_TRUE(cpu.shares == 1u && cpu.quota == -1 && cpu.burst == 3u && cpu.period == 4u);
    EXPECT_TRUE(cpu.realtime_runtime == 5 && cpu.realtime_period == 6u && cpu.cpus == "0-1");
    EXPECT_TRUE(cpu.mems == "0" && cpu.idle == 1);
    EXPECT_EQ(resources.pids_limit, 64);
    ASSERT_EQ(resources.hugepage_limits.size(), 1u);
    EXPECT_EQ(resources.hugepage_limits[0].page_size, "2MB");
    EXPECT_EQ(resources.hugepage_limits[0].limit, 18u);
    EXPECT_EQ(resources.network_class_id, 19u);
    ASSERT_EQ(resources.network_priorities.size(), 1u);
    EXPECT_EQ(resources.network_priorities[0].name, "eth0");
    EXPECT_EQ(resources.network_priorities[0].priority, 20u);
    ASSERT_EQ(resources.rdma.size(), 1u);
    EXPECT_EQ(resources.rdma[0].device, "mlx5_1");
    EXPECT_EQ(resources.rdma[0].hca_handles, 21u);
    EXPECT_EQ(resources.rdma[0].hca_objects, 22u);
    EXPECT_EQ(resources.unified, (spec::StringMap{{"memory.high", "23"}}));
}

TEST(ParseSpec, ReadsBlockIo) {
    spec::Resources resources = parsed(kEveryField).linux.resources;
    ASSERT_TRUE(resources.block_io);
    const spec::BlockIoResources& io = *resources.block_io;
    EXPECT_TRUE(io.weight == 10 && io.leaf_weight == 11);
    ASSERT_EQ(io.weight_device.size(), 1u);
    EXPECT_TRUE(io.weight_device[0].major == 8 && io.weight_device[0].minor == 1);
    EXPECT_TRUE(io.weight_device[0].weight == 12 && io.weight_device[0].leaf_weight == 13);
    const std::vector<spec::ThrottleDevice>* lists[] = {&io.throttle_read_bps, &io.throttle_write_bps,
                                                        &io.throttle_read_iops, &io.throttle_write_iops};
    for (int i = 0; i < 4; ++i) {
        ASSERT_EQ(lists[i]->size(), 1u);
        EXPECT_EQ((*lists[i])[0].minor, i + 2);
        EXPECT_EQ((*lists[i])[0].rate, static_cast<std::uint64_t>(i + 14));
    }
}

TEST(ParseSpec, ReadsTheDockerLikeConfiguration) {
    Spec spec = parsed(test::docker_like());
    EXPECT_EQ(spec.mounts.size(), 7u);
    EXPECT_EQ(spec.linux.masked_paths.size(), 10u);
    EXPECT_EQ(spec.linux.namespaces.size(), 6u);
    EXPECT_GT(spec.linux.seccomp.size(), 10000u);
    EXPECT_EQ(spec.linux.seccomp.front(), '{');
    EXPECT_EQ(spec.linux.seccomp.back(), '}');
    EXPECT_EQ(spec.process->capabilities->bounding, 0xa80425fbu);
}

TEST(ParseSpec, TakesTextFromEveryKindOfString) {
    std::string roomy;
    roomy.reserve(kEveryField.size() + kParsePadding);
    roomy.append(kEveryField);
    EXPECT_TRUE(parse_spec(std::move(roomy)).ok());
    std::string tight(kEveryField);
    tight.shrink_to_fit();
    EXPECT_TRUE(parse_spec(tight).ok());
    EXPECT_TRUE(parse_spec("{}").ok());
}

TEST(ParseSpec, TakesNullForAbsent) {
    Spec spec = parsed(R"({"process": null, "hostname": null, "linux": {"personality": null, "seccomp": null,
        "resources": {"memory": {"limit": null}, "pids": null}, "sysctl": {"a.b": null}}, "mounts": null})");
    EXPECT_FALSE(spec.process);
    EXPECT_FALSE(spec.linux.personality);
    EXPECT_TRUE(spec.linux.seccomp.empty());
    EXPECT_TRUE(spec.linux.sysctl.empty());
    ASSERT_TRUE(spec.linux.resources.memory);
    EXPECT_FALSE(spec.linux.resources.memory->limit);
    EXPECT_FALSE(spec.linux.resources.pids_limit);
    EXPECT_EQ(refused(R"({"root": {"path": null}})"), "config.json: root: path is missing");
}

TEST(ParseSpec, IgnoresUnknownKeysEverywhereButNotTheirSyntax) {
    EXPECT_TRUE(parse_spec(R"({"x": {"a": [1, {}, "}"]}, "process": {"y": null, "user": {"z": -0.5e+3}},
        "linux": {"resources": {"memory": {"frob": []}}, "w": true}, "hostnam": 1, "hostnamee": 2})")
                    .ok());
    EXPECT_EQ(refused("{\"x\": [1 2]}"), "config.json: line 1, column 10: expected ',' or ']'");
    EXPECT_EQ(refused("{\"x\": {\"a\" 1}}"), "config.json: line 1, column 12: expected ':' after a key");
    EXPECT_EQ(refused("{\"x\": nul}"), "config.json: line 1, column 7: expected a value");
    EXPECT_EQ(refused("{\"x\": [1}}"), "config.json: line 1, column 9: expected ',' or ']'");
    EXPECT_EQ(refused("{\"x\": \"\\q\"}"), "config.json: line 1, column 9: unknown escape in a string");
}

TEST(ParseSpec, TakesTheLastOfARepeatedKey) {
    Spec spec = parsed(R"({"hostname": "a", "hostname": "b", "process": {"args": ["x"], "cwd": "/a"},
        "process": {"cwd": "/b"}, "annotations": {"k": "1", "l": "2", "k": "3"},
        "linux": {"maskedPaths": ["/a"], "maskedPaths": [], "resources": {"pids": {"limit": 1}, "pids": {},
        "rdma": {"d": {"hcaHandles": 1}, "d": {"hcaObjects": 2}}}, "timeOffsets": {"monotonic": {"secs": 1}},
        "timeOffsets": {"boottime": {"secs": 2}}}})");
    EXPECT_EQ(spec.hostname, "b");
    EXPECT_EQ(spec.process->cwd, "/b");
    EXPECT_TRUE(spec.process->args.empty());
    EXPECT_EQ(spec.annotations, (spec::StringMap{{"l", "2"}, {"k", "3"}}));
    EXPECT_TRUE(spec.linux.masked_paths.empty());
    EXPECT_FALSE(spec.linux.resources.pids_limit);
    ASSERT_EQ(spec.linux.resources.rdma.size(), 1u);
    EXPECT_FALSE(spec.linux.resources.rdma[0].hca_handles);
    EXPECT_FALSE(spec.linux.monotonic_offset);
    EXPECT_TRUE(spec.linux.boottime_offset);
}

TEST(ParseSpec, UnescapesKeysAndValues) {
    Spec spec = parsed(R"({"\u0068ostname": "a\u0062\/\ud83d\ude00", "annotations": {"k\"\n": "\\"}})");
    EXPECT_EQ(spec.hostname, "ab/\xf0\x9f\x98\x80");
    EXPECT_EQ(spec.annotations, (spec::StringMap{{"k\"\n", "\\"}}));
}

TEST(ParseSpec, RefusesNulInEveryString) {
    EXPECT_EQ(refused(R"({"process": {"args": ["a", "b\u0000c"]}})"),
              "config.json: process.args[1]: contains a NUL character");
    EXPECT_EQ(refused(R"({"annotations": {"a\u0000b": "x"}})"),
              "config.json: annotations[\"a\\x00b\"]: contains a NUL character");
}

TEST(ParseSpec, BoundsNestingAndSize) {
    auto nested = [](std::size_t depth) {
        return "{\"x\": " + std::string(depth, '[') + std::string(depth, ']') + "}";
    };
    EXPECT_TRUE(parse_spec(nested(100)).ok());
    EXPECT_EQ(refused(nested(200)), "config.json: line 1, column 134: nested too deeply");
    EXPECT_EQ(refused(nested(1000000)).substr(0, 24), "config.json: line 1, col");
    auto huge = parse_spec(std::string(kDocumentSizeMax + 1, ' '));
    ASSERT_FALSE(huge.ok());
    EXPECT_EQ(huge.error().code(), EFBIG);
}

TEST(ParseSpec, ManyKeysOfAMapTakeNoQuadraticTime) {
    std::string text = "{\"annotations\": {";
    for (int i = 0; i < 200000; ++i) text += "\"" + std::to_string(i % 150000) + "\": \"\",";
    text.back() = '}';
    auto result = parse_spec(text + "}");
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->annotations.size(), 150000u);
}

TEST(ParseProcess, NamesItsOwnDocument) {
    auto process = parse_process(R"({"args": ["id"], "cwd": "/", "user": {"uid": 7}})");
    ASSERT_TRUE(process.ok());
    EXPECT_EQ(process->user.uid, 7u);
    auto wrong = parse_process(R"({"user": {"uid": "root"}})");
    ASSERT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.error().text(),
              "process.json: user.uid: expected an unsigned 32-bit number, got a string");
    auto broken = parse_process("{\n\"args\"}");
    ASSERT_FALSE(broken.ok());
    EXPECT_EQ(broken.error().text(), "process.json: line 2, column 7: expected ':' after a key");
}

TEST(ParseResources, NamesItsOwnDocument) {
    auto resources = parse_resources(R"({"memory": {"limit": 5}, "pids": {"limit": -1}})");
    ASSERT_TRUE(resources.ok());
    EXPECT_EQ(resources->memory->limit, 5);
    EXPECT_EQ(resources->pids_limit, -1);
    auto wrong = parse_resources(R"({"memory": {"limit": "5M"}})");
    ASSERT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.error().text(),
              "resources.json: memory.limit: expected a signed 64-bit number, got a string");
    EXPECT_FALSE(parse_resources("{nonsense").ok());
}

}  // namespace
}  // namespace urc
