#include "bench/histogram.h"

#include <gtest/gtest.h>

namespace urc::bench {
namespace {

Samples one_to(std::uint64_t last) {
    Samples samples;
    for (std::uint64_t value = last; value >= 1; --value) samples.add(value);
    return samples;
}

TEST(Samples, PercentilesAreNearestRankValuesThatWereMeasured) {
    const Samples samples = one_to(200);
    EXPECT_EQ(samples.median(), 100U);
    EXPECT_EQ(samples.percentile(99), 198U);
    EXPECT_EQ(samples.percentile(100), 200U);
    EXPECT_EQ(samples.min(), 1U);
    EXPECT_EQ(samples.max(), 200U);
}

TEST(Samples, OneSampleIsEveryPercentile) {
    Samples samples;
    samples.add(7);
    EXPECT_EQ(samples.median(), 7U);
    EXPECT_EQ(samples.percentile(99), 7U);
    EXPECT_EQ(samples.min(), 7U);
}

TEST(Samples, NoSampleIsZeroAndHasNoBuckets) {
    const Samples samples;
    EXPECT_EQ(samples.median(), 0U);
    EXPECT_EQ(samples.max(), 0U);
    EXPECT_TRUE(samples.buckets().empty());
}

TEST(Samples, ASampleAddedAfterAQueryCounts) {
    Samples samples = one_to(3);
    EXPECT_EQ(samples.max(), 3U);
    samples.add(9);
    samples.add(1);
    EXPECT_EQ(samples.max(), 9U);
    EXPECT_EQ(samples.count(), 5U);
}

TEST(Samples, BucketsHoldEverySampleOnceAndKeepTheirOrder) {
    const Samples samples = one_to(5000);
    std::size_t total = 0;
    std::uint64_t last = 0;
    for (const auto& [lower, count] : samples.buckets()) {
        EXPECT_GT(lower, last);
        last = lower;
        total += count;
    }
    EXPECT_EQ(total, 5000U);
    // 1 to 15 singly, eight to each doubling from 16 to 4095, 4096 and 4608.
    EXPECT_EQ(samples.buckets().size(), 15U + 8U * 8U + 2U);
}

TEST(RatioOfMedians, IsExactAndInsideItsInterval) {
    const Ratio ratio = ratio_of_medians(one_to(400), one_to(200), 1);
    EXPECT_DOUBLE_EQ(ratio.value, 2.0);
    EXPECT_LT(ratio.low, 2.0);
    EXPECT_GT(ratio.high, 2.0);
    EXPECT_GT(ratio.low, 1.5);
    EXPECT_LT(ratio.high, 2.7);
}

TEST(RatioOfMedians, IsTheSameForTheSameSeed) {
    const Ratio first = ratio_of_medians(one_to(300), one_to(100), 42);
    const Ratio second = ratio_of_medians(one_to(300), one_to(100), 42);
    EXPECT_EQ(first.low, second.low);
    EXPECT_EQ(first.high, second.high);
}

TEST(RatioOfMedians, OfNothingIsZero) {
    EXPECT_EQ(ratio_of_medians(Samples(), one_to(10), 1).value, 0);
    EXPECT_EQ(ratio_of_medians(one_to(10), Samples(), 1).value, 0);
}

TEST(Samples, TheIntervalOfTheMedianIsOfRanksByTheBinomialDistribution) {
    Samples samples;
    EXPECT_EQ(samples.median_interval(), (std::pair<std::uint64_t, std::uint64_t>{0, 0}));
    samples.add(7);
    EXPECT_EQ(samples.median_interval(), (std::pair<std::uint64_t, std::uint64_t>{7, 7}));
    Samples hundred;
    for (std::uint64_t i = 100; i >= 1; --i) hundred.add(i);
    EXPECT_EQ(hundred.median_interval(), (std::pair<std::uint64_t, std::uint64_t>{40, 61}));
}

}  // namespace
}  // namespace urc::bench
