#include "bench/plot.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace urc::bench {
namespace {

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
    return found;
}

Row ten_starts(const std::string& name, std::uint64_t start_ns) {
    Row row;
    row.name = name;
    for (std::uint64_t i = 1; i <= 10; ++i) row.start.add(start_ns * i);
    return row;
}

TEST(Plot, LatenciesAreALineForEachRow) {
    Report report;
    report.subcommand = "start";
    report.rows = {ten_starts("urc", 1000), ten_starts("<floor & more>", 2000)};
    const std::string svg = to_svg({report});
    EXPECT_EQ(count(svg, "<polyline"), 2U);
    EXPECT_NE(svg.find(">urc</text>"), svg.npos);
    EXPECT_NE(svg.find(">&lt;floor &amp; more></text>"), svg.npos) << svg;
    EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(Plot, TheSlowerRowIsFurtherRight) {
    Report report;
    report.rows = {ten_starts("a", 1000), ten_starts("b", 3000)};
    const std::string svg = to_svg({report});
    const auto first_x = [&](std::size_t from) {
        return std::stod(svg.substr(svg.find("points=\"", from) + 8));
    };
    const std::size_t second = svg.find("<polyline", svg.find("<polyline") + 1);
    EXPECT_LT(first_x(0), first_x(second));
}

TEST(Plot, EachReportHasAPanelOfItsKind) {
    Report rates;
    rates.rows = {ten_starts("urc", 1)};
    rates.rows[0].throughput = {{1, {100}}, {8, {400}}};
    Report figures;
    figures.rows = {ten_starts("urc", 1), ten_starts("failed", 1)};
    figures.rows[0].figures = {{"Gb/s", "rate", 1, {3, 4}}};
    figures.rows[1].figures = {{"Gb/s", "rate", 1, {}}};
    const std::string svg = to_svg({rates, figures});
    EXPECT_EQ(count(svg, "<polyline"), 1U);
    EXPECT_NE(svg.find(">containers per second</text>"), svg.npos);
    EXPECT_NE(svg.find(">Gb/s</text>"), svg.npos);
    EXPECT_EQ(count(svg, "<rect"), 2U) << "the ground, and a bar for the row that has something";
}

TEST(Plot, NothingMeasuredIsAnEmptyPanel) {
    Report report;
    report.rows.emplace_back().name = "failed";
    const std::string svg = to_svg({report, Report()});
    EXPECT_EQ(count(svg, "<polyline"), 0U);
    EXPECT_EQ(svg.find("nan"), svg.npos);
    EXPECT_EQ(svg.find("inf"), svg.npos);
}

}  // namespace
}  // namespace urc::bench
