#include "core/process/affinity.h"

#include <gtest/gtest.h>
#include <sched.h>

namespace urc::process {
namespace {

TEST(Affinity, ReadsListsBeyond1024Processors) {
    auto mask = cpu_mask("0-3,7,2000");
    ASSERT_TRUE(mask.ok());
    EXPECT_EQ(mask->at(0), 0x8fu);
    EXPECT_EQ(mask->at(2000 / 64), 1ul << 2000 % 64);
    for (const char* list : {"", "a", "3-1", "1,", ",1", "1-", "-1", "65536", "0-4294967295", " 1"})
        EXPECT_FALSE(cpu_mask(list).ok()) << list;
}

TEST(Affinity, IsBorrowedAndGivenBack) {
    cpu_set_t before, during, after;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    int first = 0;
    while (!CPU_ISSET(first, &before)) ++first;
    {
        auto borrowed = BorrowedAffinity::take(std::to_string(first));
        ASSERT_TRUE(borrowed.ok()) << borrowed.error().text();
        ASSERT_EQ(::sched_getaffinity(0, sizeof during, &during), 0);
        EXPECT_EQ(CPU_COUNT(&during), 1);
    }
    ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
    EXPECT_FALSE(BorrowedAffinity::take("60000").ok()) << "a processor that is not there";
}

}  // namespace
}  // namespace urc::process
