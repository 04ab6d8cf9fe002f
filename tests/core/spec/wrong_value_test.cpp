// Every field with a value of every other JSON type, and with values of the right type that cannot be.
#include <gtest/gtest.h>

#include "core/spec/parse.h"
#include "tests/core/spec/documents.h"

namespace urc {
namespace {

using test::nest;

struct Wrong {
    std::string_view path;
    std::string_view expected;  // as in "expected a string"
    std::string_view good;
};

constexpr std::string_view kBool = "a boolean", kString = "a string", kArray = "an array",
                           kObject = "an object";
constexpr std::string_view kU16 = "an unsigned 16-bit number", kU32 = "an unsigned 32-bit number";
constexpr std::string_view kU64 = "an unsigned 64-bit number", kI32 = "a signed 32-bit number";
constexpr std::string_view kI64 = "a signed 64-bit number";

constexpr Wrong kFields[] = {
    {"ociVersion", kString, "\"1.0.0\""},
    {"process", kObject, "{}"},
    {"process.terminal", kBool, "true"},
    {"process.consoleSize", kObject, "{}"},
    {"process.consoleSize.height", kU16, "65535"},
    {"process.consoleSize.width", kU16, "0"},
    {"process.user", kObject, "{}"},
    {"process.user.uid", kU32, "4294967295"},
    {"process.user.gid", kU32, "0"},
    {"process.user.umask", kU32, "18"},
    {"process.user.additionalGids", kArray, "[]"},
    {"process.user.additionalGids[0]", kU32, "1"},
    {"process.user.username", kString, "\"\""},
    {"process.args", kArray, "[]"},
    {"process.args[0]", kString, "\"a\""},
    {"process.env", kArray, "[]"},
    {"process.env[0]", kString, "\"a=b\""},
    {"process.cwd", kString, "\"/\""},
    {"process.capabilities", kObject, "{}"},
    {"process.capabilities.bounding", kArray, "[]"},
    {"process.capabilities.bounding[0]", kString, "\"CAP_KILL\""},
    {"process.capabilities.effective", kArray, "[]"},
    {"process.capabilities.effective[0]", kString, "\"CAP_KILL\""},
    {"process.capabilities.inheritable", kArray, "[]"},
    {"process.capabilities.inheritable[0]", kString, "\"CAP_KILL\""},
    {"process.capabilities.permitted", kArray, "[]"},
    {"process.capabilities.permitted[0]", kString, "\"CAP_KILL\""},
    {"process.capabilities.ambient", kArray, "[]"},
    {"process.capabilities.ambient[0]", kString, "\"CAP_KILL\""},
    {"process.rlimits", kArray, "[]"},
    {"process.rlimits[0]", kObject, ""},
    {"process.rlimits[0].type", kString, ""},
    {"process.rlimits[0].hard", kU64, ""},
    {"process.rlimits[0].soft", kU64, ""},
    {"process.noNewPrivileges", kBool, "false"},
    {"process.apparmorProfile", kString, "\"x\""},
    {"process.oomScoreAdj", kI32, "-1000"},
    {"process.selinuxLabel", kString, "\"x\""},
    {"process.scheduler", kObject, ""},
    {"process.scheduler.policy", kString, "\"SCHED_FIFO\""},
    {"process.scheduler.nice", kI32, ""},
    {"process.scheduler.priority", kI32, ""},
    {"process.scheduler.flags", kArray, ""},
    {"process.scheduler.flags[0]", kString, ""},
    {"process.scheduler.runtime", kU64, ""},
    {"process.scheduler.deadline", kU64, ""},
    {"process.scheduler.period", kU64, ""},
    {"process.ioPriority", kObject, ""},
    {"process.ioPriority.class", kString, "\"IOPRIO_CLASS_RT\""},
    {"process.ioPriority.priority", kI32, ""},
    {"process.execCPUAffinity", kObject, "{}"},
    {"process.execCPUAffinity.initial", kString, "\"0\""},
    {"process.execCPUAffinity.final", kString, "\"0\""},
    {"root", kObject, ""},
    {"root.path", kString, "\"rootfs\""},
    {"root.readonly", kBool, ""},
    {"hostname", kString, "\"x\""},
    {"domainname", kString, "\"x\""},
    {"mounts", kArray, "[]"},
    {"mounts[0]", kObject, ""},
    {"mounts[0].destination", kString, "\"/x\""},
    {"mounts[0].type", kString, ""},
    {"mounts[0].source", kString, ""},
    {"mounts[0].options", kArray, ""},
    {"mounts[0].options[0]", kString, ""},
    {"mounts[0].uidMappings", kArray, ""},
    {"mounts[0].uidMappings[0].hostID", kU32, ""},
    {"mounts[0].gidMappings", kArray, ""},
    {"mounts[0].gidMappings[0].size", kU32, ""},
    {"hooks", kObject, "{}"},
    {"hooks.prestart", kArray, "[]"},
    {"hooks.prestart[0]", kObject, ""},
    {"hooks.prestart[0].path", kString, "\"/x\""},
    {"hooks.prestart[0].args", kArray, ""},
    {"hooks.prestart[0].args[0]", kString, ""},
    {"hooks.prestart[0].env", kArray, ""},
    {"hooks.prestart[0].timeout", kI32, ""},
    {"hooks.createRuntime", kArray, "[]"},
    {"hooks.createContainer", kArray, "[]"},
    {"hooks.startContainer", kArray, "[]"},
    {"hooks.poststart", kArray, "[]"},
    {"hooks.poststop", kArray, "[]"},
    {"annotations", kObject, "{}"},
    {"annotations.a", kString, "\"\""},
    {"linux", kObject, "{}"},
    {"linux.uidMappings", kArray, "[]"},
    {"linux.uidMappings[0]", kObject, ""},
    {"linux.uidMappings[0].containerID", kU32, ""},
    {"linux.uidMappings[0].hostID", kU32, ""},
    {"linux.uidMappings[0].size", kU32, ""},
    {"linux.gidMappings", kArray, "[]"},
    {"linux.sysctl", kObject, "{}"},
    {"linux.sysctl.a", kString, "\"\""},
    {"linux.cgroupsPath", kString, "\"/x\""},
    {"linux.namespaces", kArray, "[]"},
    {"linux.namespaces[0]", kObject, ""},
    {"linux.namespaces[0].type", kString, "\"pid\""},
    {"linux.namespaces[0].path", kString, ""},
    {"linux.devices", kArray, "[]"},
    {"linux.devices[0].path", kString, ""},
    {"linux.devices[0].type", kString, ""},
    {"linux.devices[0].major", kI64, ""},
    {"linux.devices[0].minor", kI64, ""},
    {"linux.devices[0].fileMode", kU32, ""},
    {"linux.devices[0].uid", kU32, ""},
    {"linux.devices[0].gid", kU32, ""},
    {"linux.netDevices", kObject, "{}"},
    {"linux.netDevices.eth0", kObject, "{}"},
    {"linux.netDevices.eth0.name", kString, "\"x\""},
    {"linux.seccomp", kObject, "{}"},
    {"linux.rootfsPropagation", kString, "\"shared\""},
    {"linux.maskedPaths", kArray, "[]"},
    {"linux.maskedPaths[0]", kString, "\"/x\""},
    {"linux.readonlyPaths", kArray, "[]"},
    {"linux.readonlyPaths[0]", kString, "\"/x\""},
    {"linux.mountLabel", kString, "\"x\""},
    {"linux.intelRdt", kObject, "{}"},
    {"linux.intelRdt.closID", kString, "\"x\""},
    {"linux.intelRdt.schemata", kArray, "[]"},
    {"linux.intelRdt.l3CacheSchema", kString, "\"x\""},
    {"linux.intelRdt.memBwSchema", kString, "\"x\""},
    {"linux.intelRdt.enableCMT", kBool, "true"},
    {"linux.intelRdt.enableMBM", kBool, "true"},
    {"linux.intelRdt.enableMonitoring", kBool, "true"},
    {"linux.memoryPolicy", kObject, ""},
    {"linux.memoryPolicy.mode", kString, "\"MPOL_BIND\""},
    {"linux.memoryPolicy.nodes", kString, ""},
    {"linux.memoryPolicy.flags", kArray, ""},
    {"linux.personality", kObject, ""},
    {"linux.personality.domain", kString, "\"LINUX\""},
    {"linux.personality.flags", kArray, ""},
    {"linux.timeOffsets", kObject, "{}"},
    {"linux.timeOffsets.monotonic", kObject, "{}"},
    {"linux.timeOffsets.monotonic.secs", kI64, "-9223372036854775808"},
    {"linux.timeOffsets.monotonic.nanosecs", kU32, "1"},
    {"linux.timeOffsets.boottime", kObject, "{}"},
    {"linux.timeOffsets.boottime.secs", kI64, "1"},
    {"linux.resources", kObject, "{}"},
    {"linux.resources.devices", kArray, "[]"},
    {"linux.resources.devices[0].allow", kBool, "true"},
    {"linux.resources.devices[0].type", kString, ""},
    {"linux.resources.devices[0].major", kI64, ""},
    {"linux.resources.devices[0].minor", kI64, ""},
    {"linux.resources.devices[0].access", kString, ""},
    {"linux.resources.memory", kObject, "{}"},
    {"linux.resources.memory.limit", kI64, "9223372036854775807"},
    {"linux.resources.memory.reservation", kI64, "1"},
    {"linux.resources.memory.swap", kI64, "-1"},
    {"linux.resources.memory.kernel", kI64, "1"},
    {"linux.resources.memory.kernelTCP", kI64, "1"},
    {"linux.resources.memory.swappiness", kU64, "1"},
    {"linux.resources.memory.disableOOMKiller", kBool, "true"},
    {"linux.resources.memory.useHierarchy", kBool, "true"},
    {"linux.resources.memory.checkBeforeUpdate", kBool, "true"},
    {"linux.resources.cpu", kObject, "{}"},
    {"linux.resources.cpu.shares", kU64, "18446744073709551615"},
    {"linux.resources.cpu.quota", kI64, "-1"},
    {"linux.resources.cpu.burst", kU64, "1"},
    {"linux.resources.cpu.period", kU64, "1"},
    {"linux.resources.cpu.realtimeRuntime", kI64, "1"},
    {"linux.resources.cpu.realtimePeriod", kU64, "1"},
    {"linux.resources.cpu.cpus", kString, "\"0\""},
    {"linux.resources.cpu.mems", kString, "\"0\""},
    {"linux.resources.cpu.idle", kI64, "1"},
    {"linux.resources.pids", kObject, "{}"},
    {"linux.resources.pids.limit", kI64, "1"},
    {"linux.resources.blockIO", kObject, "{}"},
    {"linux.resources.blockIO.weight", kU16, "10"},
    {"linux.resources.blockIO.leafWeight", kU16, "10"},
    {"linux.resources.blockIO.weightDevice", kArray, "[]"},
    {"linux.resources.blockIO.weightDevice[0].major", kI64, ""},
    {"linux.resources.blockIO.weightDevice[0].minor", kI64, ""},
    {"linux.resources.blockIO.weightDevice[0].weight", kU16, ""},
    {"linux.resources.blockIO.weightDevice[0].leafWeight", kU16, ""},
    {"linux.resources.blockIO.throttleReadBpsDevice", kArray, "[]"},
    {"linux.resources.blockIO.throttleReadBpsDevice[0].major", kI64, ""},
    {"linux.resources.blockIO.throttleReadBpsDevice[0].minor", kI64, ""},
    {"linux.resources.blockIO.throttleReadBpsDevice[0].rate", kU64, ""},
    {"linux.resources.blockIO.throttleWriteBpsDevice", kArray, "[]"},
    {"linux.resources.blockIO.throttleReadIOPSDevice", kArray, "[]"},
    {"linux.resources.blockIO.throttleWriteIOPSDevice", kArray, "[]"},
    {"linux.resources.hugepageLimits", kArray, "[]"},
    {"linux.resources.hugepageLimits[0].pageSize", kString, ""},
    {"linux.resources.hugepageLimits[0].limit", kU64, ""},
    {"linux.resources.network", kObject, "{}"},
    {"linux.resources.network.classID", kU32, "1"},
    {"linux.resources.network.priorities", kArray, "[]"},
    {"linux.resources.network.priorities[0].name", kString, ""},
    {"linux.resources.network.priorities[0].priority", kU32, ""},
    {"linux.resources.rdma", kObject, "{}"},
    {"linux.resources.rdma.mlx5_1", kObject, "{}"},
    {"linux.resources.rdma.mlx5_1.hcaHandles", kU32, "1"},
    {"linux.resources.rdma.mlx5_1.hcaObjects", kU32, "1"},
    {"linux.resources.unified", kObject, "{}"},
    {"linux.resources.unified.a", kString, "\"1\""},
};

struct Kind {
    std::string_view name;  // as in "got a string"
    std::string_view value;
};
constexpr Kind kKinds[] = {{"a boolean", "true"},     {"a string", "\"s\""}, {"an array", "[ 1 ]"},
                           {"an object", "{\"\":0}"}, {"12.5", "12.5"},      {"1e3", "1e3"}};

std::string refused(const std::string& json) {
    auto result = parse_spec(json);
    return result.ok() ? "accepted" : result.error().text();
}

std::string message(std::string_view path, std::string_view problem) {
    return "config.json: " + std::string(path) + ": " + std::string(problem);
}

TEST(ParseSpec, RefusesEveryFieldOfEveryWrongTypeWithItsPath) {
    for (const Wrong& row : kFields) {
        for (const Kind& kind : kKinds) {
            if (kind.name == row.expected) continue;
            std::string problem = "expected " + std::string(row.expected) + ", got " + std::string(kind.name);
            EXPECT_EQ(refused(nest(row.path, kind.value)), message(row.path, problem));
        }
    }
}

TEST(ParseSpec, AcceptsEveryFieldOfTheRightType) {
    for (const Wrong& row : kFields) {
        if (row.good.empty()) continue;  // not alone: other fields of its struct have to be there
        EXPECT_EQ(refused(nest(row.path, row.good)), "accepted") << row.path;
    }
}

TEST(ParseSpec, RefusesNumbersOutsideTheirType) {
    struct Range {
        std::string_view expected, below, above;
    };
    constexpr Range kRanges[] = {{kU16, "-1", "65536"},
                                 {kU32, "-1", "4294967296"},
                                 {kU64, "-1", "18446744073709551616"},
                                 {kI32, "-2147483649", "2147483648"},
                                 {kI64, "-9223372036854775809", "9223372036854775808"}};
    for (const Wrong& row : kFields) {
        for (const Range& range : kRanges) {
            if (row.expected != range.expected) continue;
            for (std::string_view value : {range.below, range.above}) {
                std::string problem = "expected " + std::string(row.expected) + ", got " + std::string(value);
                EXPECT_EQ(refused(nest(row.path, value)), message(row.path, problem));
            }
        }
    }
}

TEST(ParseSpec, RefusesNullAsAnElementOfAnArray) {
    EXPECT_EQ(refused(R"({"process": {"args": ["a", null]}})"),
              "config.json: process.args[1]: expected a string, got null");
    EXPECT_EQ(refused(R"({"mounts": [null]})"), "config.json: mounts[0]: expected an object, got null");
}

TEST(ParseSpec, RefusesStructsWithoutWhatTheyAreAbout) {
    struct Missing {
        std::string_view path, value, field;
    };
    constexpr Missing kMissing[] = {
        {"process.rlimits[0]", R"({"hard": 1, "soft": 1})", "type"},
        {"process.rlimits[0]", R"({"type": "RLIMIT_CPU", "soft": 1})", "hard"},
        {"process.rlimits[0]", R"({"type": "RLIMIT_CPU", "hard": 1})", "soft"},
        {"process.scheduler", R"({"nice": 1})", "policy"},
        {"process.ioPriority", R"({"priority": 1})", "class"},
        {"root", R"({"readonly": true})", "path"},
        {"mounts[0]", R"({"type": "proc"})", "destination"},
        {"hooks.poststop[0]", R"({"args": ["x"]})", "path"},
        {"linux.uidMappings[0]", R"({"hostID": 1, "size": 1})", "containerID"},
        {"linux.gidMappings[0]", R"({"containerID": 1, "size": 1})", "hostID"},
        {"linux.uidMappings[0]", R"({"containerID": 1, "hostID": 1})", "size"},
        {"linux.namespaces[0]", R"({"path": "/x"})", "type"},
        {"linux.namespaces[0]", R"({"type": null})", "type"},
        {"linux.devices[0]", R"({"type": "c"})", "path"},
        {"linux.devices[0]", R"({"path": "/dev/x"})", "type"},
        {"linux.personality", R"({})", "domain"},
        {"linux.memoryPolicy", R"({"nodes": "0"})", "mode"},
        {"linux.resources.devices[0]", R"({"access": "rwm"})", "allow"},
        {"linux.resources.hugepageLimits[0]", R"({"limit": 1})", "pageSize"},
        {"linux.resources.blockIO.throttleReadIOPSDevice[0]", R"({"major": 1, "minor": 1})", "rate"},
        {"linux.resources.network.priorities[0]", R"({"priority": 1})", "name"},
    };
    for (const Missing& row : kMissing)
        EXPECT_EQ(refused(nest(row.path, row.value)),
                  message(row.path, std::string(row.field) + " is missing"));
}

TEST(ParseSpec, RefusesWordsThatItDoesNotKnow) {
    struct Word {
        std::string_view path, value, problem;
    };
    constexpr Word kWords[] = {
        {"linux.namespaces[0].type", "\"net\"", "unknown namespace \"net\""},
        {"linux.namespaces[0].type", "\"a\\nb\"", "unknown namespace \"a\\x0ab\""},
        {"process.rlimits[0].type", "\"RLIMIT_FROB\"", "unknown rlimit \"RLIMIT_FROB\""},
        {"process.scheduler.policy", "\"SCHED_NONE\"", "unknown scheduling policy \"SCHED_NONE\""},
        {"process.scheduler.flags", "[\"X\"]", "unknown scheduling flag \"X\""},
        {"process.ioPriority.class", "\"X\"", "unknown I/O priority class \"X\""},
        {"linux.rootfsPropagation", "\"public\"", "unknown propagation \"public\""},
        {"linux.personality.domain", "\"BSD\"", "unknown personality \"BSD\""},
        {"linux.personality", R"({"domain": "LINUX", "flags": ["X"]})", "unknown personality flag \"X\""},
        {"linux.devices[0].type", "\"x\"", "unknown device type \"x\""},
        {"linux.resources.devices[0].type", "\"p\"", "unknown device type \"p\""},
        {"linux.resources.devices[0].access", "\"rx\"", "expected letters of \"rwm\", got \"rx\""},
        {"linux.resources.devices[0].major", "-2", "no device has this number"},
        {"linux.resources.devices[0].minor", "4294967296", "no device has this number"},
        {"linux.timeOffsets.realtime", "{}", "time namespaces have no such clock"},
    };
    for (const Word& row : kWords)
        EXPECT_EQ(refused(nest(row.path, row.value)), message(row.path, row.problem));
}

TEST(ParseSpec, KeepsItsMessagesOnOneShortLine) {
    std::string text = refused(R"({"annotations": {"a\nb)" + std::string(10000, 'x') + R"(": 7}})");
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_LT(text.size(), 200u);
    text = refused(R"({"linux": {"namespaces": [{"type": ")" + std::string(10000, 'x') + "\"}]}}");
    EXPECT_LT(text.size(), 200u);
    text = refused(R"({"process": {"user": {"uid": )" + std::string(10000, '7') + "}}}");
    EXPECT_LT(text.size(), 200u);
}

}  // namespace
}  // namespace urc
