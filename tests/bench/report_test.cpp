#include "bench/report.h"

#include <gtest/gtest.h>
#include <simdjson.h>

namespace urc::bench {
namespace {

Row row(const std::string& name, std::uint64_t start_us) {
    Row row;
    row.name = name;
    row.path = "/usr/bin/" + name;
    row.start.add(start_us * 1000);
    row.wall.add(start_us * 2000);
    row.runs = 1;
    return row;
}

Report report() {
    Report report;
    report.subcommand = "start";
    report.machine = describe_machine();
    report.settings = {{"config", "docker"}, {"view", "v2"}};
    report.base = "floor";
    report.rows = {row("floor", 1000), row("urc", 1100)};
    return report;
}

TEST(Report, TableShowsMicrosecondsAndTheRatioToTheBase) {
    const std::string table = to_table(report());
    EXPECT_NE(table.find("| urc | 1100 | 1100 | 1100 | 1100 | 1.10 (1.10-1.10) | 2200 | 2200 | 1 | 0 |"),
              std::string::npos)
        << table;
}

TEST(Report, TableShowsARowThatOnlyFailedAndWhy) {
    Report broken = report();
    Row failed;
    failed.name = "crun";
    failed.runs = 3;
    failed.failures = 3;
    failed.first_failure = "status 1: no";
    broken.rows.push_back(failed);
    const std::string table = to_table(broken);
    EXPECT_NE(table.find("| crun | - | - | - | - | - | - | - | 3 | 3 |"), std::string::npos) << table;
    EXPECT_NE(table.find("failed 3 times, first: status 1: no"), std::string::npos) << table;
}

TEST(Report, ThroughputTableHasAColumnForEachConcurrency) {
    Report rates = report();
    rates.rows[0].throughput = {{1, {100, 300, 200}}, {8, {400}}};
    rates.rows[1].throughput = {{1, {100}}, {8, {300}}};
    const std::string table = to_table(rates);
    EXPECT_NE(table.find("| floor | 200 | 400 |"), std::string::npos) << table;
    EXPECT_NE(table.find("| urc | 100 (0.50) | 300 (0.75) |"), std::string::npos) << table;
}

TEST(Report, JsonIsValidAndHasTheSamePercentiles) {
    Report awkward = report();
    awkward.rows[1].first_failure = "quote \" backslash \\ newline \n";
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    ASSERT_EQ(parser.parse(to_json(awkward)).get(root), simdjson::SUCCESS) << to_json(awkward);
    EXPECT_EQ(std::string_view(root["rows"].at(1)["first_failure"]), "quote \" backslash \\ newline \n");
    EXPECT_EQ(std::uint64_t(root["rows"].at(1)["start_ns"]["p50"]), 1'100'000U);
    EXPECT_DOUBLE_EQ(double(root["rows"].at(1)["start_over_base"]["ratio"]), 1.1);
    EXPECT_EQ(std::string_view(root["settings"]["view"]), "v2");
}

TEST(Report, MachineIsDescribed) {
    const Machine machine = describe_machine();
    EXPECT_TRUE(machine.kernel.starts_with("Linux ")) << machine.kernel;
    EXPECT_GE(machine.cpus, 1U);
    EXPECT_GT(machine.memory_mib, 0U);
    EXPECT_EQ(machine.time.size(), 20U) << machine.time;
}

}  // namespace
}  // namespace urc::bench
