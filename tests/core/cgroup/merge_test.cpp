// What an update writes, and what is remembered of it.
#include "core/cgroup/merge.h"

#include <gtest/gtest.h>

namespace urc::cgroup {
namespace {

spec::Resources in_force() {
    spec::Resources r;
    r.memory.emplace();
    r.memory->limit = 1000;
    r.memory->swap = 1500;
    r.memory->reservation = 500;
    r.cpu.emplace();
    r.cpu->shares = 512;
    r.cpu->quota = 20000;
    r.cpu->period = 50000;
    r.cpu->cpus = "0-1";
    r.pids_limit = 50;
    r.unified = {{"memory.high", "900"}};
    return r;
}

TEST(Merge, NothingNamedWritesNothing) {
    Merged merged = merge(in_force(), {});
    EXPECT_FALSE(merged.to_write.memory || merged.to_write.cpu || merged.to_write.pids_limit);
    EXPECT_TRUE(merged.to_write.unified.empty());
    EXPECT_EQ(merged.in_force.memory->limit, 1000);
    EXPECT_EQ(merged.in_force.pids_limit, 50);
}

TEST(Merge, MemoryAndSwapAreWrittenTogether) {
    spec::Resources change;
    change.memory.emplace().limit = 1200;
    Merged merged = merge(in_force(), change);
    EXPECT_EQ(merged.to_write.memory->limit, 1200);
    EXPECT_EQ(merged.to_write.memory->swap, 1500);
    EXPECT_FALSE(merged.to_write.memory->reservation);
    EXPECT_EQ(merged.in_force.memory->reservation, 500);

    change.memory.emplace().swap = 2000;
    merged = merge(in_force(), change);
    EXPECT_EQ(merged.to_write.memory->limit, 1000);
    EXPECT_EQ(merged.to_write.memory->swap, 2000);
}

TEST(Merge, LiftingTheMemoryLimitLiftsThatOfSwap) {
    spec::Resources change;
    change.memory.emplace().limit = -1;
    Merged merged = merge(in_force(), change);
    EXPECT_EQ(merged.to_write.memory->limit, -1);
    EXPECT_EQ(merged.to_write.memory->swap, -1);
    change.memory->swap = 0;  // managers write it for "not set"
    EXPECT_EQ(merge(in_force(), change).to_write.memory->swap, -1);
}

TEST(Merge, ZeroMeansNotNamed) {
    spec::Resources change;
    change.memory.emplace().limit = 0;
    change.memory->reservation = 0;
    change.cpu.emplace().shares = 0;
    change.cpu->quota = 0;
    change.cpu->period = 0;
    Merged merged = merge(in_force(), change);
    EXPECT_EQ(merged.in_force.memory->limit, 1000);
    EXPECT_EQ(merged.in_force.memory->reservation, 500);
    EXPECT_EQ(merged.in_force.cpu->shares, 512u);
    EXPECT_EQ(merged.in_force.cpu->quota, 20000);
    EXPECT_EQ(merged.to_write.memory->limit, 0);
}

TEST(Merge, AProcessLimitOfZeroIsNamed) {
    spec::Resources change;
    change.pids_limit = 0;
    EXPECT_EQ(merge(in_force(), change).in_force.pids_limit, 0);
}

TEST(Merge, QuotaAndPeriodAreWrittenTogether) {
    spec::Resources change;
    change.cpu.emplace().quota = -1;
    Merged merged = merge(in_force(), change);
    EXPECT_EQ(merged.to_write.cpu->quota, -1);
    EXPECT_EQ(merged.to_write.cpu->period, 50000u);
    EXPECT_FALSE(merged.to_write.cpu->shares);
    EXPECT_EQ(merged.to_write.cpu->cpus, "");
    EXPECT_EQ(merged.in_force.cpu->cpus, "0-1");
}

TEST(Merge, OneThatIsIdleNoLongerGetsItsSharesBack) {
    spec::Resources idle;
    idle.cpu.emplace().idle = 1;
    spec::Resources resources = merge(in_force(), idle).in_force;
    spec::Resources shares;
    shares.cpu.emplace().shares = 100;
    Merged merged = merge(resources, shares);
    EXPECT_EQ(merged.to_write.cpu->idle, 1) << "so that no weight is written, which the kernel would refuse";
    idle.cpu->idle = 0;
    EXPECT_EQ(merge(merged.in_force, idle).to_write.cpu->shares, 100u);
}

TEST(Merge, ListsAreMergedByTheirKeys) {
    spec::Resources change;
    change.unified = {{"memory.high", "800"}, {"cpu.idle", "1"}};
    change.block_io.emplace().throttle_read_bps = {{8, 0, 100}};
    Merged merged = merge(in_force(), change);
    EXPECT_EQ(merged.in_force.unified, (spec::StringMap{{"memory.high", "800"}, {"cpu.idle", "1"}}));
    change.block_io->throttle_read_bps = {{8, 16, 7}, {8, 0, 5}};
    merged = merge(merged.in_force, change);
    ASSERT_EQ(merged.in_force.block_io->throttle_read_bps.size(), 2u);
    EXPECT_EQ(merged.in_force.block_io->throttle_read_bps[0].rate, 5u);
    EXPECT_EQ(merged.in_force.block_io->throttle_read_bps[1].rate, 7u);
}

}  // namespace
}  // namespace urc::cgroup
