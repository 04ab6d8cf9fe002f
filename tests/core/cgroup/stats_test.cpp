// Statistics, with directories in place of the hierarchies.
#include "core/cgroup/stats.h"

#include <gtest/gtest.h>

#include "core/cgroup/stats_json.h"
#include "core/cgroup/stats_read.h"
#include "tests/core/cgroup/fixture.h"

namespace urc::cgroup {
namespace {

class StatsTest : public ::testing::Test {
protected:
    StatsTest() { std::filesystem::create_directory(dir_ / "c1"); }
    void put(const std::string& name, const std::string& text) { spit(dir_ / ("c1/" + name), text); }
    Stats read(std::initializer_list<const char*> controllers) {
        Saved saved;
        for (const char* controller : controllers) saved.paths.emplace_back(controller, dir_ / "c1");
        auto cgroup = Cgroup::open(std::move(saved));
        EXPECT_TRUE(cgroup);
        return read_stats(*cgroup);
    }
    static std::string json(const Stats& stats) {
        std::string text;
        JsonWriter writer(text);
        writer.begin_object();
        write_stats(writer, stats);
        writer.end_object();
        return text;
    }

    TempDir dir_;
};

TEST_F(StatsTest, V2InTheUnitsOfV1) {
    put("cpu.stat",
        "usage_usec 1000\nuser_usec 600\nsystem_usec 400\nnr_periods 7\nnr_throttled 3\nthrottled_usec 50\n");
    put("cpu.pressure",
        "some avg10=12.50 avg60=0.05 avg300=100.00 total=9\nfull avg10=1.00 avg60=0.00 "
        "avg300=0.00 total=8\n");
    put("memory.stat", "file 40\nanon 30\n");
    put("memory.current", "100\n");
    put("memory.max", "1000\n");
    put("memory.peak", "300\n");
    put("memory.events", "low 0\nhigh 0\nmax 5\noom 1\noom_kill 1\n");
    put("memory.swap.current", "11\n");
    put("memory.swap.max", "500\n");
    put("pids.current", "4\n");
    put("pids.max", "max\n");
    put("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n254:1 rbytes=7\n");
    Stats stats = read({""});
    EXPECT_EQ(stats.cpu.total_ns, 1'000'000u);
    EXPECT_EQ(stats.cpu.user_ns, 600'000u);
    EXPECT_EQ(stats.cpu.kernel_ns, 400'000u);
    EXPECT_EQ(stats.cpu.throttled_ns, 50'000u);
    EXPECT_EQ(stats.memory.cache, 40u);
    EXPECT_EQ(stats.memory.usage.fail_count, 5u);
    EXPECT_EQ(stats.memory.swap.usage, 111u) << "with memory, as on v1";
    EXPECT_EQ(stats.memory.swap.limit, 1500u);
    EXPECT_EQ(
        json(stats),
        R"({"cpu":{"usage":{"total":1000000,"kernel":400000,"user":600000},)"
        R"("throttling":{"periods":7,"throttledPeriods":3,"throttledTime":50000},)"
        R"("psi":{"some":{"avg10":12.5,"avg60":0.05,"avg300":100,"total":9},)"
        R"("full":{"avg10":1,"avg60":0,"avg300":0,"total":8}}},)"
        R"("cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,)"
        R"("memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,)"
        R"("sched_relax_domain_level":0},)"
        R"("memory":{"cache":40,"usage":{"limit":1000,"usage":100,"max":300,"failcnt":5},)"
        R"("swap":{"limit":1500,"usage":111,"failcnt":0},"kernel":{"limit":0,"failcnt":0},)"
        R"("kernelTCP":{"limit":0,"failcnt":0},"raw":{"anon":30,"file":40}},"pids":{"current":4},)"
        R"("blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":1},{"major":8,"op":"Write",)"
        R"("value":2},{"major":254,"minor":1,"op":"Read","value":7}],)"
        R"("ioServicedRecursive":[{"major":8,"op":"Read","value":3},{"major":8,"op":"Write","value":4}]},)"
        R"("hugetlb":{}})");
}

TEST_F(StatsTest, NoLimitIsTheLargestNumberOnV2) {
    put("memory.max", "max\n");
    put("memory.swap.max", "1000\n");
    Stats stats = read({""});
    EXPECT_EQ(stats.memory.usage.limit, std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(stats.memory.swap.limit, std::numeric_limits<std::uint64_t>::max())
        << "no sum that wraps around";
}

TEST_F(StatsTest, V1) {
    put("cpuacct.usage", "3000\n");
    put("cpuacct.usage_percpu", "1000 2000 \n");
    put("cpuacct.usage_all", "cpu user system\n0 10 20\n1 30 40\n");
    put("cpuacct.stat", "user 2\nsystem 1\n");
    put("cpu.stat", "nr_periods 5\nnr_throttled 2\nthrottled_time 99\n");
    put("cpuset.cpus", "0-2,5\n");
    put("cpuset.mems", "\n");
    put("cpuset.sched_relax_domain_level", "-1\n");
    put("memory.usage_in_bytes", "100\n");
    put("memory.limit_in_bytes", "1000\n");
    put("memory.max_usage_in_bytes", "200\n");
    put("memory.failcnt", "3\n");
    put("memory.stat", "cache 9\n");
    put("pids.current", "4\n");
    put("pids.max", "40\n");
    put("blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Total 1\nTotal 1\n");
    put("blkio.throttle.io_service_bytes_recursive", "8:0 Read 512\n8:0 Total 512\nTotal 512\n");
    Stats stats = read({"cpu", "cpuacct", "cpuset", "memory", "pids", "blkio"});
    EXPECT_EQ(stats.cpu.total_ns, 3000u);
    EXPECT_EQ(stats.cpu.percpu_ns, (std::vector<std::uint64_t>{1000, 2000}));
    EXPECT_EQ(stats.cpu.percpu_user_ns, (std::vector<std::uint64_t>{10, 30}));
    EXPECT_EQ(stats.cpu.percpu_kernel_ns, (std::vector<std::uint64_t>{20, 40}));
    EXPECT_EQ(stats.cpu.user_ns, 2 * stats.cpu.kernel_ns);
    EXPECT_GT(stats.cpu.kernel_ns, 0u);
    EXPECT_EQ(stats.cpu.throttled_ns, 99u);
    EXPECT_EQ(stats.cpuset.cpus, (std::vector<std::uint16_t>{0, 1, 2, 5}));
    EXPECT_TRUE(stats.cpuset.mems.empty());
    EXPECT_EQ(stats.cpuset.sched_relax_domain_level, -1);
    EXPECT_EQ(stats.memory.usage.max, 200u);
    EXPECT_EQ(stats.memory.usage.fail_count, 3u);
    EXPECT_EQ(stats.memory.cache, 9u);
    EXPECT_EQ(stats.pids.limit, 40u);
    ASSERT_EQ(stats.block_io.serviced.size(), 2u) << "the sum over all devices is no entry";
    EXPECT_EQ(stats.block_io.serviced[0].op, "Read");
    ASSERT_EQ(stats.block_io.service_bytes.size(), 2u);
    EXPECT_EQ(stats.block_io.service_bytes[1].value, 512u);
}

TEST_F(StatsTest, TheSchedulersTablesComeBeforeTheBareCounts) {
    put("blkio.throttle.io_serviced_recursive", "8:0 Read 1\n");
    put("blkio.bfq.io_serviced_recursive", "8:0 Read 2\n");
    put("blkio.bfq.sectors_recursive", "8:0 16\n");
    Stats stats = read({"blkio"});
    ASSERT_EQ(stats.block_io.serviced.size(), 1u);
    EXPECT_EQ(stats.block_io.serviced[0].value, 2u);
    ASSERT_EQ(stats.block_io.sectors.size(), 1u);
    EXPECT_EQ(stats.block_io.sectors[0].op, "");
    EXPECT_EQ(stats.block_io.sectors[0].value, 16u);
}

TEST_F(StatsTest, NothingThereIsAllZero) {
    Stats nothing = read({""});
    EXPECT_EQ(json(nothing), json(Stats{}));
    EXPECT_EQ(json(read({"memory", "cpu", "pids"})), json(Stats{}));
}

TEST_F(StatsTest, GarbageIsZeroAndNoEndlessList) {
    put("cpu.stat", "usage_usec\nuser_usec x\n\n = \n");
    put("io.stat", "8:0\n:\nx\n8:0 rbytes\n");
    put("memory.stat", "a\n\nb c d\n");
    put("pids.current", "99999999999999999999999\n");
    Stats stats = read({""});
    EXPECT_EQ(stats.cpu.total_ns, 0u);
    EXPECT_EQ(stats.pids.current, 0u);
    EXPECT_TRUE(stat_list("x-y,-,3-1,").empty());
    EXPECT_LE(stat_list("0-65535,0-65535,0-65535").size(), 65537u);
}

TEST_F(StatsTest, PageSizesAreNamedAsInControlFiles) {
    for (const char* name : {"hugepages-2048kB", "hugepages-1048576kB", "hugepages-64kB", "other"})
        std::filesystem::create_directory(dir_ / name);
    EXPECT_EQ(hugepage_sizes(dir_.path().c_str()), (std::vector<std::string>{"1GB", "2MB", "64KB"}));
    EXPECT_TRUE(hugepage_sizes("/nowhere").empty());
}

}  // namespace
}  // namespace urc::cgroup
