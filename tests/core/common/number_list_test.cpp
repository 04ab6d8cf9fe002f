#include "core/number_list.h"

#include <gtest/gtest.h>

namespace urc {
namespace {

using Mask = std::vector<unsigned long>;

TEST(NumberList, BecomesAMask) {
    EXPECT_EQ(parse_number_list("0", 64), Mask{1});
    EXPECT_EQ(parse_number_list("0-3,7", 64), Mask{0x8f});
    EXPECT_EQ(parse_number_list("7,0-3,2", 64), Mask{0x8f});
    EXPECT_EQ(parse_number_list("63,64", 128), (Mask{1ul << 63, 1}));
    EXPECT_EQ(parse_number_list("0-63", 65), (Mask{~0ul, 0}));
}

TEST(NumberList, RefusesAllElse) {
    for (const char* list : {"",
                             ",",
                             "0,",
                             ",0",
                             "-",
                             "0-",
                             "-3",
                             "3-0",
                             "0 ",
                             " 0",
                             "0,,1",
                             "a",
                             "0x1",
                             "+1",
                             "0--1",
                             "0-1-2",
                             "99999999999999999999999",
                             "64",
                             "0-64",
                             "0\n"})
        EXPECT_FALSE(parse_number_list(list, 64)) << list;
    EXPECT_FALSE(parse_number_list("0", 0));
}

}  // namespace
}  // namespace urc
