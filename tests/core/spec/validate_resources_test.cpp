// The refusals about resources, devices and what else is not a namespace or a mount.
#include "tests/core/spec/refusals.h"

namespace urc {
namespace {

using spec::Spec;
using test::expect_refused;
using test::plain;
using test::Row;

TEST(Validate, RefusesTheRestOfLinux) {
    constexpr Row kRows[] = {
        {"linux.devices[0].path: must be an absolute path",
         [](Spec& s) {
             s.linux.devices = {{'c', "dev/x"}};
         }},
        {"linux.devices[0]: no device has this number",
         [](Spec& s) {
             s.linux.devices = {{'c', "/dev/x", 4096, 0}};
         }},
        {"linux.devices[0]: no device has this number",
         [](Spec& s) {
             s.linux.devices = {{'b', "/dev/x", 1, -1}};
         }},
        {"linux.devices[0].uid: 4294967295 is no user id",
         [](Spec& s) {
             s.linux.devices = {{'p', "/dev/x", 0, 0, {}, 4294967295}};
         }},
        {"linux.devices[0].gid: 4294967295 is no group id",
         [](Spec& s) {
             s.linux.devices = {{'p', "/dev/x", 0, 0, {}, {}, 4294967295}};
         }},
        {"linux.memoryPolicy.mode: unknown mode \"X\"",
         [](Spec& s) {
             s.linux.memory_policy = {"X", "", {}};
         }},
        {"linux.memoryPolicy.flags: unknown flag \"X\"",
         [](Spec& s) {
             s.linux.memory_policy = {"MPOL_BIND", "0", {"X"}};
         }},
        {"linux.memoryPolicy.nodes: not a list of nodes: \"0-\"",
         [](Spec& s) {
             s.linux.memory_policy = {"MPOL_BIND", "0-", {}};
         }},
        {"linux.memoryPolicy.nodes: not a list of nodes: \"1024\"",
         [](Spec& s) {
             s.linux.memory_policy = {"MPOL_PREFERRED", "1024", {}};
         }},
        {"linux.memoryPolicy.nodes: MPOL_LOCAL takes no nodes",
         [](Spec& s) {
             s.linux.memory_policy = {"MPOL_LOCAL", "0", {}};
         }},
        {"linux.memoryPolicy.nodes: MPOL_INTERLEAVE needs at least one node",
         [](Spec& s) {
             s.linux.memory_policy = {"MPOL_INTERLEAVE", "", {}};
         }},
        {"linux.intelRdt.closID: not a name: \"..\"",
         [](Spec& s) { s.linux.intel_rdt.emplace().clos_id = ".."; }},
        {"linux.intelRdt.closID: not a name: \".\"",
         [](Spec& s) { s.linux.intel_rdt.emplace().clos_id = "."; }},
        {"linux.intelRdt.closID: not a name: \"a/b\"",
         [](Spec& s) { s.linux.intel_rdt.emplace().clos_id = "a/b"; }},
        {"linux.intelRdt.closID: not a name: \"a\\x0ab\"",
         [](Spec& s) { s.linux.intel_rdt.emplace().clos_id = "a\nb"; }},
    };
    for (const Row& row : kRows) expect_refused(row, plain());
}

TEST(Validate, RefusesResourcesThatCannotBe) {
    constexpr Row kRows[] = {
        {"linux.resources.devices[0].access: must not be empty",
         [](Spec& s) { s.linux.resources.devices.push_back({}); }},
        {"linux.resources.memory.limit: less than -1 (unlimited)",
         [](Spec& s) { s.linux.resources.memory.emplace().limit = -2; }},
        {"linux.resources.memory.kernelTCP: less than -1 (unlimited)",
         [](Spec& s) { s.linux.resources.memory.emplace().kernel_tcp = -2; }},
        {"linux.resources.memory.swappiness: more than 100",
         [](Spec& s) { s.linux.resources.memory.emplace().swappiness = 101; }},
        {"linux.resources.memory.swap: less than the memory limit, which it includes",
         [](Spec& s) { s.linux.resources.memory = {.limit = 2, .reservation = {}, .swap = 1}; }},
        {"linux.resources.cpu.quota: less than -1 (unlimited)",
         [](Spec& s) { s.linux.resources.cpu.emplace().quota = -2; }},
        {"linux.resources.cpu.idle: must be 0 or 1",
         [](Spec& s) { s.linux.resources.cpu.emplace().idle = 2; }},
        {"linux.resources.cpu.cpus: not a list of processors: \"0\\x0a1\"",
         [](Spec& s) { s.linux.resources.cpu.emplace().cpus = "0\n1"; }},
        {"linux.resources.cpu.mems: not a list of memory nodes: \"0 1\"",
         [](Spec& s) { s.linux.resources.cpu.emplace().mems = "0 1"; }},
        {"linux.resources.blockIO.weight: not within 10 and 1000",
         [](Spec& s) { s.linux.resources.block_io.emplace().weight = 9; }},
        {"linux.resources.blockIO.leafWeight: not within 10 and 1000",
         [](Spec& s) { s.linux.resources.block_io.emplace().leaf_weight = 1001; }},
        {"linux.resources.blockIO.weightDevice[0]: no device has this number",
         [](Spec& s) {
             s.linux.resources.block_io.emplace().weight_device = {{-1, 0, {}, {}}};
         }},
        {"linux.resources.blockIO.weightDevice[0]: weight not within 10 and 1000",
         [](Spec& s) {
             s.linux.resources.block_io.emplace().weight_device = {{8, 0, 1, {}}};
         }},
        {"linux.resources.blockIO.throttleReadBpsDevice[0]: no device has this number",
         [](Spec& s) {
             s.linux.resources.block_io.emplace().throttle_read_bps = {{4096, 0, 1}};
         }},
        {"linux.resources.blockIO.throttleWriteBpsDevice[0]: no device has this number",
         [](Spec& s) {
             s.linux.resources.block_io.emplace().throttle_write_bps = {{0, 1048576, 1}};
         }},
        {"linux.resources.blockIO.throttleReadIOPSDevice[0]: no device has this number",
         [](Spec& s) {
             s.linux.resources.block_io.emplace().throttle_read_iops = {{-1, 0, 1}};
         }},
        {"linux.resources.blockIO.throttleWriteIOPSDevice[0]: no device has this number",
         [](Spec& s) {
             s.linux.resources.block_io.emplace().throttle_write_iops = {{0, -1, 1}};
         }},
        {"linux.resources.hugepageLimits[0].pageSize: not a size like \"2MB\": \"../x\"",
         [](Spec& s) {
             s.linux.resources.hugepage_limits = {{"../x", 1}};
         }},
        {"linux.resources.network.priorities[0].name: not the name of an interface",
         [](Spec& s) {
             s.linux.resources.network_priorities = {{"a b", 1}};
         }},
        {"linux.resources.rdma[\"a\\x0ab\"]: not the name of a device",
         [](Spec& s) {
             s.linux.resources.rdma = {{"a\nb", {}, {}}};
         }},
        {"linux.resources.unified[\"../memory.high\"]: not the name of a cgroup file",
         [](Spec& s) {
             s.linux.resources.unified = {{"../memory.high", "1"}};
         }},
        {"linux.resources.unified[\"\"]: not the name of a cgroup file",
         [](Spec& s) {
             s.linux.resources.unified = {{"", "1"}};
         }},
    };
    for (const Row& row : kRows) expect_refused(row, plain());
}

}  // namespace
}  // namespace urc
