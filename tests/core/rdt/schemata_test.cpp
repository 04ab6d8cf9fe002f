#include "core/rdt/schemata.h"

#include <gtest/gtest.h>

namespace urc::rdt {
namespace {

constexpr const char* kCurrent = "    MB:0= 20;1=100\n    L3:0=00ff0;1=fffff\n  L2:0=ff\n";

std::string difference(std::string_view wanted, unsigned step = 10) {
    auto same = check_same(wanted, kCurrent, step);
    return same ? "" : same.error().text();
}

TEST(Schemata, JoinsBothSchemas) {
    EXPECT_EQ(join_schemas("L3:0=ff", "MB:0=20"), "L3:0=ff\nMB:0=20\n");
    EXPECT_EQ(join_schemas("L3:0=ff", ""), "L3:0=ff\n");
    EXPECT_EQ(join_schemas("", "MB:0=20"), "MB:0=20\n");
    EXPECT_EQ(join_schemas("", ""), "");
    EXPECT_EQ(join_schemas({"L3:0=ff", "", "L2:0=1"}), "L3:0=ff\nL2:0=1\n");
}

TEST(Schemata, LeavesOutBandwidthInTheSchemaOfTheCache) {
    EXPECT_EQ(join_schemas("MB:0=70\nL3:0=ff\nMB:1=3", "MB:0=20"), "L3:0=ff\nMB:0=20\n");
    EXPECT_EQ(join_schemas("L3DATA:0=f\nMB:0=70\nL3CODE:0=f\n", ""), "L3DATA:0=f\nL3CODE:0=f\n");
}

TEST(Schemata, OrderZerosBlanksAndOtherDomainsMakeNoDifference) {
    EXPECT_EQ(difference("L3:1=fffff;0=ff0\nMB:0=20\n"), "");
    EXPECT_EQ(difference("L3: 0 = FF0 ;\n"), "");
    EXPECT_EQ(difference("L2:0=0ff\n"), "");
    EXPECT_EQ(difference(""), "");
}

TEST(Schemata, TellsWhichLineDiffers) {
    const std::string text = "the group exists with other schemata than ";
    EXPECT_EQ(difference("L2:0=ff\nL3:0=ff1\n"), text + "\"L3:0=ff1\"");
    EXPECT_EQ(difference("L3:2=ff\n"), text + "\"L3:2=ff\"");
    EXPECT_EQ(difference("MB:0=30\n"), text + "\"MB:0=30\"");
    EXPECT_EQ(difference("SMBA:0=20\n"), text + "\"SMBA:0=20\"");
}

TEST(Schemata, BandwidthCountsAsTheKernelRoundsIt) {
    EXPECT_EQ(difference("MB:0=11\n"), "");
    EXPECT_NE(difference("MB:0=11\n", 0), "");
    EXPECT_NE(difference("MB:0=21\n"), "");
}

TEST(Schemata, RefusesWhatIsNoSchema) {
    for (const char* line : {"L3", "L3:0", "L3:=f", "L3:0=", ":0=f"})
        EXPECT_EQ(difference(line), std::string("not a schema: \"") + line + "\"");
}

}  // namespace
}  // namespace urc::rdt
