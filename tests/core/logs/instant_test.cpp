#include "core/logs/instant.h"

#include <gtest/gtest.h>

namespace urc::logs {
namespace {

std::string again(std::string_view text) {
    auto instant = parse_instant(text);
    return instant ? instant_text(*instant) : "none";
}

TEST(LogInstant, ReadsTheFormsOfRfc3339) {
    EXPECT_EQ(again("2026-01-31"), "2026-01-31T00:00:00.000000000Z");
    EXPECT_EQ(again("2026-01-31T09:05:06Z"), "2026-01-31T09:05:06.000000000Z");
    EXPECT_EQ(again("2026-01-31 09:05"), "2026-01-31T09:05:00.000000000Z");
    EXPECT_EQ(again("2026-01-31t09:05:06.25z"), "2026-01-31T09:05:06.250000000Z");
    EXPECT_EQ(again("2026-01-31T09:05:06.1234567899"), "2026-01-31T09:05:06.123456789Z");
    EXPECT_EQ(again("2026-01-31T09:05:06.000000001+02:00"), "2026-01-31T07:05:06.000000001Z");
    EXPECT_EQ(again("2026-01-31T23:05:06-0130"), "2026-02-01T00:35:06.000000000Z");
    EXPECT_EQ(again("1969-12-31T23:59:59.5Z"), "1969-12-31T23:59:59.500000000Z");
    EXPECT_EQ(again("2024-02-29T00:00:00Z"), "2024-02-29T00:00:00.000000000Z");
}

TEST(LogInstant, WhatIsNoTimeIsNone) {
    for (const char* text :
         {"", "2026", "2026-1-1", "2026-02-29", "2026-13-01", "2026-01-32", "2026-01-31T", "2026-01-31T24:00",
          "2026-01-31T09:60", "2026-01-31T09:05:60", "2026-01-31T09:05:06.", "2026-01-31T09:05:06+1",
          "2026-01-31T09:05:06+24:00", "2026-01-31T09:05:06Zx", "2026-01-31x09:05:06", "1677-01-01",
          "2262-01-01", "+026-01-01", "2026-01-31T09:05:06Z "})
        EXPECT_EQ(again(text), "none") << text;
}

}  // namespace
}  // namespace urc::logs
