#include "bench/compare.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "bench/report.h"

namespace urc::bench {
namespace {

// A thousand starts around `median_us`, spread by a tenth.
Row measured(const std::string& name, unsigned median_us) {
    Row row;
    row.name = name;
    for (unsigned i = 0; i < 1000; ++i) row.start.add(median_us * (950 + i / 10));
    row.wall = row.start;
    row.runs = 1000;
    return row;
}

std::string starts(unsigned floor_us, unsigned urc_us, const std::string& base) {
    Report report;
    report.subcommand = "start";
    report.base = base;
    report.rows = {measured("floor", floor_us), measured("urc", urc_us)};
    return to_json(report);
}

std::string figures(const std::string& key, std::vector<double> values) {
    Report report;
    report.subcommand = "proxy down 1";
    Row urc;
    urc.name = "urc";
    urc.figures = {{key, key, 2, std::move(values)}};
    report.rows = {urc};
    return to_json(report);
}

Verdict verdict(const std::string& before, const std::string& after) {
    auto comparison = compare(before, after, 0.05);
    EXPECT_TRUE(comparison.ok());
    if (!comparison.ok() || comparison->changes.empty()) return Verdict::same;
    EXPECT_EQ(comparison->is_worse(), comparison->changes.back().verdict == Verdict::worse);
    return comparison->changes.back().verdict;
}

TEST(Compare, ASlowerStartIsWorseAndAFasterOneBetter) {
    EXPECT_EQ(verdict(starts(100, 200, ""), starts(100, 240, "")), Verdict::worse);
    EXPECT_EQ(verdict(starts(100, 200, ""), starts(100, 160, "")), Verdict::better);
    EXPECT_EQ(verdict(starts(100, 200, ""), starts(100, 200, "")), Verdict::same);
}

TEST(Compare, WithinTheToleranceNothingHasChanged) {
    EXPECT_EQ(verdict(starts(100, 200, ""), starts(100, 208, "")), Verdict::same);
}

TEST(Compare, WithABaseTheMachineMayBeAnotherOne) {
    EXPECT_EQ(verdict(starts(100, 200, "floor"), starts(200, 400, "floor")), Verdict::same);
    EXPECT_EQ(verdict(starts(100, 200, "floor"), starts(100, 240, "floor")), Verdict::worse);
    EXPECT_EQ(verdict(starts(100, 200, "floor"), starts(200, 240, "floor")), Verdict::better);
}

TEST(Compare, RoundsThatOverlapSayNothing) {
    EXPECT_EQ(verdict(figures("cpu", {10, 20, 30}), figures("cpu", {25, 40, 50})), Verdict::same);
    EXPECT_EQ(verdict(figures("cpu", {10, 20, 30}), figures("cpu", {31, 40, 50})), Verdict::worse);
}

TEST(Compare, OfARateMoreIsBetter) {
    EXPECT_EQ(verdict(figures("rate", {10}), figures("rate", {20})), Verdict::better);
    EXPECT_EQ(verdict(figures("rate", {20}), figures("rate", {10})), Verdict::worse);
    EXPECT_EQ(verdict(figures("p99_us", {10}), figures("p99_us", {20})), Verdict::worse);
}

TEST(Compare, ARowThatIsMissingOrOnlyFailedIsWorse) {
    const std::string before = starts(100, 200, "");
    Report report;
    report.subcommand = "start";
    report.rows = {measured("floor", 100)};
    auto comparison = compare(before, to_json(report), 0.05);
    ASSERT_TRUE(comparison.ok());
    EXPECT_TRUE(comparison->is_worse());
    EXPECT_EQ(comparison->missing, std::vector<std::string>{"start: urc: start_ns"});
    EXPECT_NE(to_table(*comparison).find("missing in the later result: start: urc: start_ns"),
              std::string::npos);
    report.rows.emplace_back().name = "urc";
    report.rows.back().failures = 3;
    EXPECT_TRUE(compare(before, to_json(report), 0.05)->is_worse());
}

TEST(Compare, ReadsAnArrayAndNamedReports) {
    const std::string one = starts(100, 200, "");
    EXPECT_EQ(
        verdict("[" + one + "," + figures("rate", {1}) + "]", "[" + one + "," + figures("rate", {2}) + "]"),
        Verdict::better);
    EXPECT_EQ(verdict("{\"a\":" + figures("rate", {1}) + "}", "{\"a\":" + figures("rate", {2}) + "}"),
              Verdict::better);
}

TEST(Compare, WhatIsNoResultIsNamed) {
    const std::string good = starts(100, 200, "");
    for (const char* bad : {"", "[", "[]", "{}", "3", R"({"rows":3})", R"([{"rows":[]}])"}) {
        auto comparison = compare(good, bad, 0.05);
        ASSERT_FALSE(comparison.ok()) << bad;
        EXPECT_NE(comparison.error().text().find("the later file"), std::string::npos);
    }
}

}  // namespace
}  // namespace urc::bench
