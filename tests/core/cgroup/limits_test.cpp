// Which text goes to which file, with directories in place of hierarchies. That the kernel takes the values,
// and in which order it has to get them, is tested on real hierarchies in v1_test.cpp and v2_test.cpp.
#include <gtest/gtest.h>

#include "core/cgroup/cgroup.h"
#include "tests/core/cgroup/fixture.h"

namespace urc::cgroup {
namespace {

// A pretended hierarchy with the container's directory already there, holding the given files.
class CgroupLimits : public ::testing::Test {
protected:
    void add(Controller controller, const std::string& name, std::initializer_list<const char*> files) {
        std::filesystem::create_directories(root_ / (name + "/c1"));
        spit(root_ / (name + "/cgroup.subtree_control"));
        spit(root_ / (name + "/c1/cgroup.procs"));
        for (const char* file : files) spit(root_ / (name + "/c1/" + file));
        hierarchies_.push_back({controller, root_ / name});
    }
    Result<void> apply(Version version, const spec::Resources& resources) {
        Layout layout(version, hierarchies_);
        auto cgroup = Cgroup::create(layout, {.cgroups_path = "/c1", .id = "c1"});
        if (!cgroup.ok()) return std::move(cgroup).error();
        return cgroup->apply(resources, DeviceRules::keep);
    }
    std::string file(const std::string& name) { return slurp(root_ / name); }

    TempDir root_;
    std::vector<Hierarchy> hierarchies_;
};

spec::Resources full_cpu_and_memory() {
    spec::Resources r;
    r.memory.emplace();
    r.memory->limit = 1000;
    r.memory->swap = 1500;
    r.memory->reservation = 500;
    r.cpu.emplace();
    r.cpu->shares = 1024;
    r.cpu->quota = 20000;
    r.cpu->period = 50000;
    r.cpu->burst = 1000;
    r.cpu->cpus = "0-1";
    r.cpu->mems = "0";
    r.pids_limit = 0;
    return r;
}

TEST_F(CgroupLimits, V2GetsItsOwnUnits) {
    add(Controller::unified, "u",
        {"memory.max", "memory.swap.max", "memory.low", "cpu.weight", "cpu.max", "cpu.max.burst",
         "cpuset.cpus", "cpuset.mems", "pids.max", "io.weight", "io.max", "hugetlb.2MB.max",
         "hugetlb.2MB.rsvd.max", "rdma.max"});
    spec::Resources r = full_cpu_and_memory();
    r.block_io.emplace();
    r.block_io->weight = 100;
    r.block_io->throttle_read_bps.push_back({8, 16, 1048576});
    r.hugepage_limits.push_back({"2MB", 4194304});
    r.rdma.push_back({"mlx5_0", 2, 2000});
    auto applied = apply(Version::v2, r);
    ASSERT_TRUE(applied.ok()) << applied.error().text();
    EXPECT_EQ(file("u/c1/memory.max"), "1000");
    EXPECT_EQ(file("u/c1/memory.swap.max"), "500");
    EXPECT_EQ(file("u/c1/memory.low"), "500");
    EXPECT_EQ(file("u/c1/cpu.weight"), "100");
    EXPECT_EQ(file("u/c1/cpu.max"), "20000 50000");
    EXPECT_EQ(file("u/c1/cpu.max.burst"), "1000");
    EXPECT_EQ(file("u/c1/cpuset.cpus"), "0-1");
    EXPECT_EQ(file("u/c1/cpuset.mems"), "0");
    EXPECT_EQ(file("u/c1/pids.max"), "1");
    EXPECT_EQ(file("u/c1/io.weight"), "910");
    EXPECT_EQ(file("u/c1/io.max"), "8:16 rbps=1048576");
    EXPECT_EQ(file("u/c1/hugetlb.2MB.max"), "4194304");
    EXPECT_EQ(file("u/c1/hugetlb.2MB.rsvd.max"), "4194304");
    EXPECT_EQ(file("u/c1/rdma.max"), "mlx5_0 hca_handle=2 hca_object=2000");
    EXPECT_EQ(file("u/cgroup.subtree_control"), "");
}

TEST_F(CgroupLimits, V1GetsTheSpecificationsUnits) {
    add(Controller::memory, "m",
        {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes",
         "memory.swappiness", "memory.oom_control", "memory.kmem.tcp.limit_in_bytes"});
    add(Controller::cpu, "c",
        {"cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.cfs_burst_us", "cpu.rt_runtime_us",
         "cpu.rt_period_us", "cpu.idle"});
    add(Controller::cpuset, "s", {"cpuset.cpus", "cpuset.mems"});
    spit(root_ / "s/cpuset.cpus", "0-7");
    spit(root_ / "s/cpuset.mems", "0");
    add(Controller::pids, "p", {"pids.max"});
    add(Controller::io, "b",
        {"blkio.bfq.weight", "blkio.bfq.weight_device", "blkio.throttle.write_iops_device"});
    add(Controller::hugetlb, "h", {"hugetlb.1GB.limit_in_bytes"});
    add(Controller::net_cls, "n", {"net_cls.classid"});
    add(Controller::net_prio, "o", {"net_prio.ifpriomap"});
    spec::Resources r = full_cpu_and_memory();
    r.memory->swappiness = 7;
    r.memory->disable_oom_killer = true;
    r.memory->kernel_tcp = 77;
    r.memory->kernel = 88;
    r.cpu->realtime_runtime = 900;
    r.cpu->realtime_period = 1000;
    r.pids_limit = -1;
    r.block_io.emplace();
    r.block_io->weight = 300;
    r.block_io->weight_device.push_back({8, 0, 400, {}});
    r.block_io->throttle_write_iops.push_back({8, 0, 500});
    r.hugepage_limits.push_back({"1GB", 9});
    r.network_class_id = 1048577;
    r.network_priorities.push_back({"eth0", 5});
    auto applied = apply(Version::v1, r);
    ASSERT_TRUE(applied.ok()) << applied.error().text();
    for (auto [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"m/c1/memory.limit_in_bytes", "1000"},
             {"m/c1/memory.memsw.limit_in_bytes", "1500"},
             {"m/c1/memory.soft_limit_in_bytes", "500"},
             {"m/c1/memory.swappiness", "7"},
             {"m/c1/memory.oom_control", "1"},
             {"m/c1/memory.kmem.tcp.limit_in_bytes", "77"},
             {"c/c1/cpu.shares", "1024"},
             {"c/c1/cpu.cfs_quota_us", "20000"},
             {"c/c1/cpu.cfs_period_us", "50000"},
             {"c/c1/cpu.cfs_burst_us", "1000"},
             {"c/c1/cpu.rt_runtime_us", "900"},
             {"c/c1/cpu.rt_period_us", "1000"},
             {"c/c1/cpu.idle", ""},
             {"s/c1/cpuset.cpus", "0-1"},
             {"s/c1/cpuset.mems", "0"},
             {"p/c1/pids.max", "max"},
             {"b/c1/blkio.bfq.weight", "300"},
             {"b/c1/blkio.bfq.weight_device", "8:0 400"},
             {"b/c1/blkio.throttle.write_iops_device", "8:0 500"},
             {"h/c1/hugetlb.1GB.limit_in_bytes", "9"},
             {"n/c1/net_cls.classid", "1048577"},
             {"o/c1/net_prio.ifpriomap", "eth0 5"}})
        EXPECT_EQ(file(name), value) << name;
}

TEST_F(CgroupLimits, WhatIsNotSetIsNotWritten) {
    add(Controller::unified, "u", {"memory.max", "cpu.max", "pids.max", "cpu.weight"});
    spec::Resources r;
    r.memory.emplace();
    r.memory->limit = 0;
    r.cpu.emplace();
    r.cpu->shares = 0;
    r.cpu->quota = 0;
    ASSERT_TRUE(apply(Version::v2, r).ok());
    for (const char* name : {"memory.max", "cpu.max", "pids.max", "cpu.weight"})
        EXPECT_EQ(file(std::string("u/c1/") + name), "") << name;
}

TEST_F(CgroupLimits, NegativeMeansMaxOnV2) {
    add(Controller::unified, "u", {"memory.max", "memory.swap.max", "cpu.max", "pids.max"});
    spec::Resources r;
    r.memory.emplace();
    r.memory->limit = -1;
    r.cpu.emplace();
    r.cpu->quota = -1;
    r.cpu->period = 100000;
    r.pids_limit = -1;
    ASSERT_TRUE(apply(Version::v2, r).ok());
    EXPECT_EQ(file("u/c1/memory.max"), "max");
    EXPECT_EQ(file("u/c1/memory.swap.max"), "max");
    EXPECT_EQ(file("u/c1/cpu.max"), "max 100000");
    EXPECT_EQ(file("u/c1/pids.max"), "max");
}

TEST_F(CgroupLimits, AnIdleGroupGetsNoWeight) {
    add(Controller::unified, "u", {"cpu.idle", "cpu.weight"});
    spec::Resources r;
    r.cpu.emplace();
    r.cpu->idle = 1;
    r.cpu->shares = 512;
    ASSERT_TRUE(apply(Version::v2, r).ok());
    EXPECT_EQ(file("u/c1/cpu.idle"), "1");
    EXPECT_EQ(file("u/c1/cpu.weight"), "");
}

TEST_F(CgroupLimits, BfqTakesTheWeightAsItIs) {
    add(Controller::unified, "u", {"io.bfq.weight", "io.weight"});
    spec::Resources r;
    r.block_io.emplace();
    r.block_io->weight = 100;
    ASSERT_TRUE(apply(Version::v2, r).ok());
    EXPECT_EQ(file("u/c1/io.bfq.weight"), "100");
    EXPECT_EQ(file("u/c1/io.weight"), "");
}

TEST_F(CgroupLimits, UnifiedComesLastAndTakesOneLineAWrite) {
    add(Controller::unified, "u", {"memory.max", "memory.high", "io.max"});
    spec::Resources r;
    r.memory.emplace();
    r.memory->limit = 1000;
    r.unified = {{"memory.max", "7"}, {"memory.high", "9"}, {"io.max", "8:0 rbps=1\n8:16 rbps=2\n"}};
    auto applied = apply(Version::v2, r);
    ASSERT_TRUE(applied.ok()) << applied.error().text();
    // A plain file keeps the rest of what was longer: "1000", then "7".
    EXPECT_EQ(file("u/c1/memory.max").substr(0, 1), "7");
    EXPECT_EQ(file("u/c1/memory.high"), "9");
    EXPECT_EQ(file("u/c1/io.max"), "8:16 rbps=2");
}

TEST_F(CgroupLimits, UnifiedKeysThatNameNoControlFileAreRefused) {
    add(Controller::unified, "u", {});
    for (const char* key : {"", ".", "..", "../memory.max", "a/b.c", "memory", "/memory.max", ".x", "x."}) {
        spec::Resources r;
        r.unified = {{key, "1"}};
        EXPECT_FALSE(apply(Version::v2, r).ok()) << key;
    }
}

TEST_F(CgroupLimits, AControllerThatCannotBeEnabledIsNamed) {
    add(Controller::unified, "u", {});
    spec::Resources r;
    r.unified = {{"nonsense.max", "1"}};
    auto applied = apply(Version::v2, r);
    ASSERT_FALSE(applied.ok());
    EXPECT_NE(applied.error().text().find("nonsense"), std::string::npos) << applied.error().text();
    EXPECT_EQ(file("u/cgroup.subtree_control"), "+nonsense");
}

TEST_F(CgroupLimits, ALimitWithoutItsControllerIsAnErrorOnV1AndOnlyThen) {
    add(Controller::pids, "p", {"pids.max"});
    spec::Resources r;
    r.pids_limit = 5;
    EXPECT_TRUE(apply(Version::v1, r).ok());
    r.memory.emplace();
    EXPECT_TRUE(apply(Version::v1, r).ok());
    r.memory->limit = 5;
    auto applied = apply(Version::v1, r);
    ASSERT_FALSE(applied.ok());
    EXPECT_EQ(applied.error().text(), "cannot set memory limit: the controller is not mounted");
}

TEST_F(CgroupLimits, WhatAVersionCannotDoIsRefusedBeforeAnythingIsWritten) {
    add(Controller::unified, "u", {"pids.max"});
    auto refused = [&](Version version, auto edit) {
        spec::Resources r;
        r.memory.emplace();
        r.cpu.emplace();
        r.pids_limit = 5;
        edit(r);
        return !apply(version, r).ok() && file("u/c1/pids.max").empty();
    };
    EXPECT_TRUE(refused(Version::v2, [](auto& r) { r.memory->swappiness = 5; }));
    EXPECT_TRUE(refused(Version::v2, [](auto& r) { r.memory->disable_oom_killer = true; }));
    EXPECT_TRUE(refused(Version::v2, [](auto& r) { r.network_class_id = 1; }));
    EXPECT_TRUE(refused(Version::v2, [](auto& r) { r.cpu->realtime_runtime = 1; }));
    EXPECT_TRUE(refused(Version::v2, [](auto& r) { r.cpu->shares = 262145; }));
    EXPECT_TRUE(refused(Version::v2, [](auto& r) { r.cpu->shares = 1; }));
    EXPECT_TRUE(refused(Version::v2, [](auto& r) { r.memory->swap = 5; }));
    EXPECT_TRUE(refused(Version::v2, [](auto& r) { r.hugepage_limits = {{"../2MB", 1}}; }));
}

TEST_F(CgroupLimits, UnifiedIsRefusedOnV1) {
    add(Controller::pids, "p", {"pids.max"});
    spec::Resources r;
    r.unified = {{"memory.max", "1"}};
    auto applied = apply(Version::v1, r);
    ASSERT_FALSE(applied.ok());
    EXPECT_NE(applied.error().text().find("unified"), std::string::npos);
}

TEST_F(CgroupLimits, SwappinessAboveOneHundredIsRefused) {
    add(Controller::memory, "m", {"memory.swappiness"});
    spec::Resources r;
    r.memory.emplace();
    r.memory->swappiness = 101;
    EXPECT_FALSE(apply(Version::v1, r).ok());
}

TEST_F(CgroupLimits, CheckBeforeUpdateRejectsALimitBelowTheUsage) {
    add(Controller::memory, "m", {"memory.limit_in_bytes", "memory.usage_in_bytes"});
    spit(root_ / "m/c1/memory.usage_in_bytes", "5000\n");
    spec::Resources r;
    r.memory.emplace();
    r.memory->limit = 4000;
    r.memory->check_before_update = true;
    auto applied = apply(Version::v1, r);
    ASSERT_FALSE(applied.ok());
    EXPECT_NE(applied.error().text().find("rejecting memory limit 4000"), std::string::npos);
    r.memory->limit = 6000;
    EXPECT_TRUE(apply(Version::v1, r).ok());
    EXPECT_EQ(file("m/c1/memory.limit_in_bytes"), "6000");
}

TEST_F(CgroupLimits, ADirectoryWithAProcessInItIsRefusedAndLeftAlone) {
    add(Controller::pids, "p", {});
    std::filesystem::create_directories(root_ / "p/c1/below");
    spit(root_ / "p/c1/below/cgroup.procs", "4711\n");
    spit(root_ / "p/c1/cgroup.procs", "4711\n4712\n");
    auto refused = Cgroup::create(Layout(Version::v1, hierarchies_), {.cgroups_path = "/c1", .id = "c1"});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().text(), "container's cgroup is not empty: 2 process(es) found");
    EXPECT_TRUE(is_there(root_ / "p/c1/below"));
}

}  // namespace
}  // namespace urc::cgroup
