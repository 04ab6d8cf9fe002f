// The harness for ports: its times are right, and a row that fails is told as failed.
#include "bench/proxy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "bench/load_times.h"

namespace urc::bench {
namespace {

TEST(LoadTimes, PercentilesAreWithinAHundredthOfTheExactOnes) {
    auto times = std::make_unique<struct times>();
    std::mt19937_64 random(7);
    std::vector<std::int64_t> all;
    for (int i = 0; i < 10'000; ++i) {
        // From nanoseconds to minutes.
        const auto value = static_cast<std::int64_t>(random() >> (random() % 37 + 27));
        all.push_back(value);
        times_add(times.get(), value);
    }
    std::sort(all.begin(), all.end());
    for (const unsigned percent : {1U, 50U, 90U, 99U, 100U}) {
        const auto exact = static_cast<double>(all[(all.size() * percent + 99) / 100 - 1]);
        const auto told = static_cast<double>(times_percentile(times.get(), percent));
        EXPECT_LE(told, exact) << percent;
        EXPECT_GE(told, exact * 0.99 - 1) << percent;
    }
}

TEST(LoadTimes, OfNothingThereIsNone) {
    auto times = std::make_unique<struct times>();
    EXPECT_EQ(times_percentile(times.get(), 99), 0);
}

ProxyOptions quick(std::vector<Way> ways) {
    ProxyOptions options;
    options.ways = std::move(ways);
    options.load = URC_LOAD;
    options.answer = URC_ANSWER;
    options.base = "direct";
    options.streams = {2};
    options.connections = 4;
    options.run_ms = 50;
    options.runs = 2;
    options.warm_up = 0;
    return options;
}

const Figure* find(const Row& row, std::string_view key) {
    for (const Figure& figure : row.figures)
        if (figure.key == key) return &figure;
    return nullptr;
}

TEST(ProxyBench, MeasuresEveryLoadWithNothingBetween) {
    ProxyOptions options = quick({Way::direct});
    options.measures = {"down", "up", "requests", "connect", "udp"};
    auto reports = run_proxy(options);
    ASSERT_TRUE(reports.ok()) << reports.error().text();
    ASSERT_EQ(reports->size(), 6U) << "requests come with one at a time, too";
    for (const Report& report : *reports) {
        ASSERT_EQ(report.rows.size(), 1U);
        const Row& row = report.rows.front();
        EXPECT_EQ(row.failures, 0U) << report.subcommand << ": " << row.first_failure;
        const Figure* rate = find(row, "rate");
        ASSERT_NE(rate, nullptr);
        EXPECT_EQ(rate->values.size(), 2U);
        EXPECT_GT(rate->median(), 0) << report.subcommand;
        const Figure* ratio = find(row, "rate_over_base");
        ASSERT_NE(ratio, nullptr);
        EXPECT_EQ(ratio->values, (std::vector<double>{1, 1}));
    }
}

TEST(ProxyBench, ARowThatCannotStartIsToldAsFailedWithTheReason) {
    if (::geteuid() != 0) GTEST_SKIP() << "a network namespace needs root";
    ProxyOptions options = quick({Way::direct, Way::urc});
    options.urc = "/bin/false";
    options.measures = {"requests"};
    auto reports = run_proxy(options);
    ASSERT_TRUE(reports.ok()) << reports.error().text();
    const Row& row = reports->front().rows.back();
    EXPECT_EQ(row.name, "urc");
    EXPECT_EQ(row.failures, 2U);
    EXPECT_NE(row.first_failure.find("urc: "), std::string::npos) << row.first_failure;
    EXPECT_EQ(reports->front().rows.front().failures, 0U);
}

}  // namespace
}  // namespace urc::bench
