#include "cli/values.h"

#include <gtest/gtest.h>

namespace urc::cli {
namespace {

using std::chrono::nanoseconds;

TEST(Values, Sizes) {
    const std::pair<const char*, std::int64_t> right[] = {{"0", 0},
                                                          {"4096", 4096},
                                                          {"50M", 50 << 20},
                                                          {"48m", 48 << 20},
                                                          {"1k", 1024},
                                                          {"1KB", 1024},
                                                          {"1KiB", 1024},
                                                          {"512 kib", 512 << 10},
                                                          {"1.5g", 3LL << 29},
                                                          {".5k", 512},
                                                          {"32b", 32},
                                                          {"2T", 2LL << 40},
                                                          {"1p", 1LL << 50},
                                                          {"9223372036854775807", 9223372036854775807}};
    for (const auto& [text, size] : right) EXPECT_EQ(parse_size(text), size) << text;
    for (const char* wrong : {"",         "M",
                              "lots",     "-1",
                              "-2",       "+1",
                              "1x",       "1kk",
                              "1kbb",     "1ki",
                              "1bi",      "1  k",
                              " 1",       "1 ",
                              "1.2.3",    "0x10",
                              "1e3",      "9223372036854775808",
                              "9000000p", "99999999999999999999",
                              "."})
        EXPECT_FALSE(parse_size(wrong)) << wrong;
}

TEST(Values, Durations) {
    const std::pair<const char*, std::int64_t> right[] = {{"0", 0},
                                                          {"5s", 5'000'000'000},
                                                          {"100ms", 100'000'000},
                                                          {"1m30s", 90'000'000'000},
                                                          {"1.5h", 5'400'000'000'000},
                                                          {"2us", 2'000},
                                                          {"2\xc2\xb5s", 2'000},
                                                          {"7ns", 7},
                                                          {"-1s", -1'000'000'000},
                                                          {"+1s", 1'000'000'000},
                                                          {".5s", 500'000'000},
                                                          {"1h0m", 3'600'000'000'000}};
    for (const auto& [text, ns] : right) EXPECT_EQ(parse_duration(text), nanoseconds(ns)) << text;
    for (const char* wrong : {"", "5", "s", "5 s", "1s ", "abc", "1d", "1s2", "-", "+-1s", "1.2.3s",
                              "9999999999h", "9223372036s1s"})
        EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

TEST(Values, NumbersAreTakenOrRefusedWhole) {
    std::optional<std::int64_t> quota;
    std::optional<std::uint16_t> weight;
    EXPECT_TRUE(take_number("cpu-quota", std::nullopt, quota));
    EXPECT_FALSE(quota);
    EXPECT_TRUE(take_number("cpu-quota", std::string("-1"), quota));
    EXPECT_EQ(quota, -1);
    for (const char* wrong : {"", " 1", "1 ", "1.0", "0x1", "-1", "65536"}) {
        auto taken = take_number("blkio-weight", std::string(wrong), weight);
        ASSERT_FALSE(taken) << wrong;
        EXPECT_EQ(taken.error().text(),
                  "invalid value for blkio-weight: \"" + std::string(wrong) + "\": expected a number");
    }
}

TEST(Values, ASizeMayBeMinusOne) {
    std::optional<std::int64_t> limit;
    EXPECT_TRUE(take_size("memory", std::string("-1"), limit));
    EXPECT_EQ(limit, -1);
    EXPECT_TRUE(take_size("memory", std::string("1m"), limit));
    EXPECT_EQ(limit, 1 << 20);
    for (const char* wrong : {"-2", "-1m", "- 1", "lots", ""})
        EXPECT_FALSE(take_size("memory", std::string(wrong), limit)) << wrong;
}

TEST(Values, APointInTimeIsATimeSecondsOrADurationAgo) {
    const timespec now{.tv_sec = 1'000'000, .tv_nsec = 5};
    auto ns = [&](std::string_view text) -> std::optional<std::int64_t> {
        auto instant = parse_point_in_time(text, now);
        return instant ? std::optional<std::int64_t>(instant->time_since_epoch().count()) : std::nullopt;
    };
    EXPECT_EQ(ns("1970-01-02"), 86'400'000'000'000);
    EXPECT_EQ(ns("1970-01-01T01:00:00.5+01:00"), 500'000'000);
    EXPECT_EQ(ns("12"), 12'000'000'000);
    EXPECT_EQ(ns("12.000000003"), 12'000'000'003);
    EXPECT_EQ(ns("0"), 0);
    EXPECT_EQ(ns("1h30m"), (1'000'000 - 5400) * 1'000'000'000LL + 5);
    EXPECT_EQ(ns("90s"), (1'000'000 - 90) * 1'000'000'000LL + 5);
    for (const char* wrong : {"", "yesterday", "-5", "10 m", "1970-02-30", "99999999999", "1.2.3"})
        EXPECT_FALSE(ns(wrong)) << wrong;
}

}  // namespace
}  // namespace urc::cli
