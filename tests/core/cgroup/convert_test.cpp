#include "core/cgroup/convert.h"

#include <gtest/gtest.h>

namespace urc::cgroup {
namespace {

TEST(CgroupConvert, SharesMapTheirLeastDefaultAndGreatestOntoThoseOfWeight) {
    EXPECT_EQ(cpu_weight(0), 0U);
    EXPECT_EQ(cpu_weight(1), 1U);
    EXPECT_EQ(cpu_weight(2), 1U);
    EXPECT_EQ(cpu_weight(1024), 100U);
    EXPECT_EQ(cpu_weight(262144), 10000U);
    EXPECT_EQ(cpu_weight(UINT64_MAX), 10000U);
    EXPECT_EQ(cpu_weight(512), 59U);
    EXPECT_EQ(cpu_weight(2048), 174U);
}

TEST(CgroupConvert, WeightNeverFallsWhileSharesRise) {
    std::uint64_t before = 0;
    for (std::uint64_t shares = 1; shares <= 262144; ++shares) {
        std::uint64_t weight = cpu_weight(shares);
        ASSERT_GE(weight, before) << shares;
        ASSERT_GE(weight, 1U);
        ASSERT_LE(weight, 10000U);
        before = weight;
    }
}

TEST(CgroupConvert, BlkioWeightSpansTheRangeOfIoWeight) {
    EXPECT_EQ(io_weight(10), 1U);
    EXPECT_EQ(io_weight(1000), 10000U);
    EXPECT_EQ(io_weight(100), 910U);
}

std::optional<std::int64_t> swap_of(std::optional<std::int64_t> limit, std::optional<std::int64_t> swap) {
    spec::MemoryResources memory;
    memory.limit = limit;
    memory.swap = swap;
    auto result = swap_max(memory);
    EXPECT_TRUE(result.ok());
    return result.ok() ? *result : std::nullopt;
}

TEST(CgroupConvert, SwapIsTheSumWithoutMemory) {
    EXPECT_EQ(swap_of({}, {}), std::nullopt);
    EXPECT_EQ(swap_of(100, {}), std::nullopt);
    EXPECT_EQ(swap_of(100, 0), std::nullopt);
    EXPECT_EQ(swap_of(100, 150), 50);
    EXPECT_EQ(swap_of(100, 100), 0);
    EXPECT_EQ(swap_of(100, -1), -1);
    EXPECT_EQ(swap_of({}, -1), -1);
    EXPECT_EQ(swap_of(-1, {}), -1);
}

TEST(CgroupConvert, SwapThatCannotBeIsRefused) {
    for (auto [limit, swap] : {std::pair<std::int64_t, std::int64_t>{100, 99}, {0, 10}, {-1, 10}, {-5, 10}}) {
        spec::MemoryResources memory;
        memory.limit = limit;
        memory.swap = swap;
        EXPECT_FALSE(swap_max(memory).ok()) << limit << " " << swap;
    }
}

}  // namespace
}  // namespace urc::cgroup
