#include "core/timestamp.h"

#include <gtest/gtest.h>

namespace urc {
namespace {

TEST(Timestamp, IsRfc3339InUtc) {
    EXPECT_EQ(rfc3339({0, 0}, 0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(rfc3339({951'782'399, 999'999'999}, 9), "2000-02-28T23:59:59.999999999Z");
    EXPECT_EQ(rfc3339({951'782'400, 1'000}, 6), "2000-02-29T00:00:00.000001Z");
    EXPECT_EQ(rfc3339({4'102'444'800, 0}, 1), "2100-01-01T00:00:00.0Z");
}

TEST(Timestamp, AgreesWithTheCLibraryOnAThousandDays) {
    for (std::time_t seconds = 1'000'000'007; seconds < 5'000'000'000; seconds += 4'000'037) {
        std::tm parts{};
        ::gmtime_r(&seconds, &parts);
        char text[32];
        std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
        ASSERT_EQ(rfc3339({seconds, 0}, 0), text);
    }
}

TEST(Timestamp, ComesBackFromItsText) {
    for (const timespec& time : {timespec{1'700'000'000, 123'456'789}, timespec{0, 0}, timespec{1, 5}}) {
        const timespec back = parse_rfc3339(rfc3339(time, 9));
        EXPECT_EQ(back.tv_sec, time.tv_sec);
        EXPECT_EQ(back.tv_nsec, time.tv_nsec);
    }
    EXPECT_EQ(parse_rfc3339("2000-02-29T00:00:00.5Z").tv_nsec, 500'000'000);
    EXPECT_EQ(parse_rfc3339("2000-02-29T00:00:00Z").tv_sec, 951'782'400);
    EXPECT_EQ(parse_rfc3339("yesterday").tv_sec, 0);
    EXPECT_EQ(parse_rfc3339("2000-13-29T00:00:00Z").tv_sec, 0);
}

}  // namespace
}  // namespace urc
