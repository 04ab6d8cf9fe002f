#include "core/rdt/stats.h"

#include "fake_resctrl.h"

namespace urc::rdt {
namespace {

using cgroup::spit;

std::string json_of(const Stats& stats) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_stats(json, stats);
    json.end_object();
    return out;
}

TEST(RdtStats, TellWhatRuncTells) {
    FakeResctrl fake;
    auto group = make_group(fake.host(), {}, "c1");
    ASSERT_TRUE(group);
    spit(fake / "c1/schemata", "    L3:0=ff\n    MB:0=20\n");
    const std::string data = fake / "c1/mon_data/mon_L3_0";
    spit(data + "0/llc_occupancy", "4096\n");
    spit(data + "0/mbm_total_bytes", "70\n");
    spit(data + "0/mbm_local_bytes", "Unavailable\n");
    std::filesystem::create_directories(data + "1");
    spit(data + "1/llc_occupancy", "5\n");
    EXPECT_EQ(
        json_of(read_stats(fake.host(), *group)),
        R"({"l3_cache_info":{"cbm_mask":"fffff","min_cbm_bits":1,"num_closids":16},)"
        R"("l3_cache_schema_root":"L3:0=fffff;1=fffff","l3_cache_schema":"L3:0=ff",)"
        R"("mem_bw_info":{"bandwidth_gran":10,"delay_linear":1,"min_bandwidth":10,"num_closids":8},)"
        R"("mem_bw_schema_root":"MB:0=100;1=100","mem_bw_schema":"MB:0=20",)"
        R"("schemata":["L3:0=ff","MB:0=20"],)"
        R"("mbm_stats":[{"mbm_total_bytes":70,"mbm_local_bytes":0},{"mbm_total_bytes":0,"mbm_local_bytes":0}],)"
        R"("cmt_stats":[{"llc_occupancy":4096},{"llc_occupancy":5}]})");
}

TEST(RdtStats, AMonitoringGroupTellsOfTheContainerAlone) {
    FakeResctrl fake;
    spec::IntelRdt wanted;
    wanted.clos_id = "/";
    wanted.enable_monitoring = true;
    auto group = make_group(fake.host(), wanted, "c1");
    ASSERT_TRUE(group) << group.error().text();
    spit(fake / "mon_groups/c1/mon_data/mon_L3_00/llc_occupancy", "77\n");
    const Stats stats = read_stats(fake.host(), *group);
    ASSERT_EQ(stats.domains.size(), 1u);
    EXPECT_EQ(stats.domains[0].occupancy, 77u);
}

TEST(RdtStats, AreEmptyWithoutAGroupAndWithoutFeatures) {
    FakeResctrl fake;
    EXPECT_EQ(json_of(read_stats(fake.host(), {})), "{}");
    std::filesystem::remove_all(fake / "info");
    auto group = make_group(fake.host(), {}, "c1");
    ASSERT_TRUE(group);
    EXPECT_EQ(json_of(read_stats(fake.host(), *group)), "{}");
}

}  // namespace
}  // namespace urc::rdt
