#include "core/rdt/group.h"

#include "fake_resctrl.h"

namespace urc::rdt {
namespace {

using cgroup::is_there;
using cgroup::slurp;
using cgroup::spit;

class RdtGroup : public ::testing::Test {
protected:
    Result<Group> make(const spec::IntelRdt& wanted) { return make_group(fake_.host(), wanted, "c1"); }
    std::string refusal(const spec::IntelRdt& wanted) {
        auto made = make(wanted);
        return made ? "made " + made->path : made.error().text();
    }
    static spec::IntelRdt wanted(std::string clos_id, std::string l3 = {}, std::string mb = {}) {
        spec::IntelRdt rdt;
        rdt.clos_id = std::move(clos_id);
        rdt.l3_cache_schema = std::move(l3);
        rdt.mem_bw_schema = std::move(mb);
        return rdt;
    }
    void make_preset(const std::string& name, const std::string& schemata) {
        ASSERT_EQ(fake_.host().mkdir((fake_ / name).c_str(), 0755), 0);
        spit(fake_ / (name + "/schemata"), schemata);
    }
    void gone(const Group& group) {
        auto removed = remove_group(fake_.host(), group);
        EXPECT_TRUE(removed) << removed.error().text();
    }

    FakeResctrl fake_;
};

TEST_F(RdtGroup, IsNamedAfterTheContainerWithoutAClosId) {
    auto group = make(wanted("", "MB:0=1\nL3:0=ff", "MB:0=20"));
    ASSERT_TRUE(group) << group.error().text();
    EXPECT_EQ(group->path, fake_ / "c1");
    EXPECT_EQ(slurp(fake_ / "c1/schemata"), "L3:0=ff\nMB:0=20");
    EXPECT_FALSE(group->is_named);
    ASSERT_TRUE(add_thread(fake_.host(), *group, 4711));
    EXPECT_EQ(slurp(fake_ / "c1/tasks"), "4711");
    gone(*group);
    EXPECT_FALSE(is_there(fake_ / "c1"));
    gone(*group);  // twice is no error
}

TEST_F(RdtGroup, SchemataAreWrittenAfterTheTwoSchemas) {
    auto rdt = wanted("", "L3:0=ff");
    rdt.schemata = {"L3:0=f0", "L2:0=1"};
    ASSERT_TRUE(make(rdt));
    // The later write begins at the start of this plain file too.
    EXPECT_EQ(slurp(fake_ / "c1/schemata"), "L3:0=f0\nL2:0=1");
}

TEST_F(RdtGroup, WithoutAnySchemaNothingIsWrittenToSchemata) {
    ASSERT_TRUE(make(wanted("")));
    EXPECT_EQ(slurp(fake_ / "c1/schemata"), "");
}

TEST_F(RdtGroup, AClosIdThatIsMadeIsRemovedAgain) {
    auto group = make(wanted("gold", "L3:0=ff"));
    ASSERT_TRUE(group) << group.error().text();
    EXPECT_TRUE(group->is_made && group->is_named);
    gone(*group);
    EXPECT_FALSE(is_there(fake_ / "gold"));
}

TEST_F(RdtGroup, AClosIdThatIsMadeStaysWhileOthersAreInIt) {
    auto group = make(wanted("gold", "L3:0=ff"));
    ASSERT_TRUE(group);
    spit(fake_ / "gold/tasks", std::to_string(::getpid()) + "\n");
    gone(*group);
    EXPECT_TRUE(is_there(fake_ / "gold"));
}

TEST_F(RdtGroup, AZombieInAClosIdDoesNotCount) {
    auto group = make(wanted("gold", "L3:0=ff"));
    ASSERT_TRUE(group);
    const pid_t zombie = ::fork();
    if (zombie == 0) ::_exit(0);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT);
    spit(fake_ / "gold/tasks", std::to_string(zombie) + "\n");
    gone(*group);
    ::waitpid(zombie, nullptr, 0);
    EXPECT_FALSE(is_there(fake_ / "gold"));
}

TEST_F(RdtGroup, AnExistingClosIdIsTakenAsItIsAndLeft) {
    make_preset("gold", "    L3:0=000ff\n    MB:0=20\n");
    for (const auto& rdt :
         {wanted("gold"), wanted("gold", "L3:0=ff"), wanted("gold", "L3:0=ff", "MB:0=15")}) {
        auto group = make(rdt);
        ASSERT_TRUE(group) << group.error().text();
        EXPECT_FALSE(group->is_made);
        EXPECT_EQ(slurp(fake_ / "gold/schemata"), "    L3:0=000ff\n    MB:0=20");
        gone(*group);
        EXPECT_TRUE(is_there(fake_ / "gold"));
    }
}

TEST_F(RdtGroup, AnExistingClosIdWithOtherSchemataIsRefused) {
    make_preset("gold", "L3:0=ff\n");
    EXPECT_EQ(refusal(wanted("gold", "L3:0=f")),
              "Intel RDT: closID gold: the group exists with other schemata than \"L3:0=f\"");
    auto rdt = wanted("gold", "L3:0=ff");
    rdt.schemata = {"MB:0=10"};
    EXPECT_EQ(refusal(rdt), "Intel RDT: closID gold: the group exists with other schemata than \"MB:0=10\"");
    EXPECT_TRUE(is_there(fake_ / "gold"));
}

TEST_F(RdtGroup, AClosIdWithoutAnySchemaMustExist) {
    EXPECT_EQ(refusal(wanted("gold")), "Intel RDT: closID without any schema must exist: " +
                                           (fake_ / "gold") + ": No such file or directory");
    EXPECT_FALSE(is_there(fake_ / "gold"));
}

TEST_F(RdtGroup, ASlashIsTheDefaultGroup) {
    auto rdt = wanted("/");
    rdt.enable_monitoring = true;
    auto group = make(rdt);
    ASSERT_TRUE(group) << group.error().text();
    EXPECT_EQ(group->path, fake_.root());
    EXPECT_TRUE(is_there(fake_ / "mon_groups/c1"));
    gone(*group);
    EXPECT_FALSE(is_there(fake_ / "mon_groups/c1"));
    EXPECT_TRUE(is_there(fake_ / "tasks"));
}

TEST_F(RdtGroup, AMonitoringGroupIsInTheGroupAndHasItsThreads) {
    make_preset("gold", "");
    auto rdt = wanted("gold");
    rdt.enable_monitoring = true;
    auto group = make(rdt);
    ASSERT_TRUE(group) << group.error().text();
    EXPECT_EQ(group->monitor, fake_ / "gold/mon_groups/c1");
    ASSERT_TRUE(add_thread(fake_.host(), *group, 12));
    EXPECT_EQ(slurp(fake_ / "gold/tasks"), "12");
    EXPECT_EQ(slurp(fake_ / "gold/mon_groups/c1/tasks"), "12");
    gone(*group);
    EXPECT_FALSE(is_there(fake_ / "gold/mon_groups/c1"));
    EXPECT_TRUE(is_there(fake_ / "gold"));
}

TEST_F(RdtGroup, NothingIsLeftWhenAStepFails) {
    spit(fake_ / "info/last_cmd_status", "out of CLOSIDs\n");
    FakeResctrl::denied() = "/c1";
    EXPECT_EQ(refusal(wanted("", "L3:0=f")),
              "Intel RDT: mkdir: " + (fake_ / "c1") + ": No space left on device (out of CLOSIDs)");
    FakeResctrl::denied() = "/mon_groups/c1";
    auto rdt = wanted("gold", "L3:0=f");
    rdt.enable_monitoring = true;
    EXPECT_NE(refusal(rdt).find("mon_groups/c1: No space left on device"), std::string::npos);
    EXPECT_FALSE(is_there(fake_ / "gold"));
    FakeResctrl::denied() = "";
    FakeResctrl::broken() = "/gold";
    EXPECT_NE(refusal(wanted("gold", "L3:0=f")).find("Is a directory"), std::string::npos);
    EXPECT_FALSE(is_there(fake_ / "gold"));
}

TEST_F(RdtGroup, WhatTheProcessorLacksIsRefusedByName) {
    const std::string field = "config.json: linux.intelRdt: ";
    const std::string absent = " is not supported or not enabled here";
    std::filesystem::remove_all(fake_ / "info/L3");
    std::filesystem::remove_all(fake_ / "info/MB");
    std::filesystem::remove_all(fake_ / "info/L3_MON");
    EXPECT_EQ(refusal(wanted("", "L3:0=f")),
              field + "l3CacheSchema: Intel RDT cache allocation (CAT)" + absent);
    EXPECT_EQ(refusal(wanted("", "", "MB:0=10")),
              field + "memBwSchema: Intel RDT memory bandwidth allocation (MBA)" + absent);
    spec::IntelRdt rdt;
    rdt.enable_cmt = true;
    EXPECT_EQ(refusal(rdt), field + "enableCMT: cache monitoring (CMT)" + absent);
    rdt = {};
    rdt.enable_mbm = true;
    EXPECT_EQ(refusal(rdt), field + "enableMBM: memory bandwidth monitoring (MBM)" + absent);
    rdt = {};
    rdt.enable_monitoring = true;
    EXPECT_EQ(refusal(rdt), field + "enableMonitoring: monitoring" + absent);
    EXPECT_FALSE(is_there(fake_ / "c1"));
    std::filesystem::create_directories(fake_ / "info/L3CODE");
    EXPECT_TRUE(make(wanted("", "L3CODE:0=f")));
}

TEST_F(RdtGroup, ABandwidthSchemaIsOneLineForBandwidth) {
    for (const char* schema : {"L3:0=f", "MB:0=10\nL3:0=f"})
        EXPECT_NE(refusal(wanted("", "", schema)).find("memBwSchema: must be one line"), std::string::npos);
}

TEST_F(RdtGroup, WithoutResctrlTheFieldIsNamed) {
    spit(fake_.host().mountinfo, "22 1 0:21 / /proc rw - proc proc rw\nnonsense\n");
    EXPECT_EQ(
        refusal(wanted("gold")),
        "config.json: linux.intelRdt: Intel RDT is not supported here, or its resctrl file system is not "
        "mounted");
    auto checked = check_schemas(fake_.host(), wanted("", "", "MB:0=10"), "--l3", "--mb");
    ASSERT_FALSE(checked);
    EXPECT_TRUE(checked.error().text().starts_with("--mb: Intel RDT is not")) << checked.error().text();
}

TEST_F(RdtGroup, EveryThreadOfAProcessIsMoved) {
    auto group = make(wanted(""));
    ASSERT_TRUE(group);
    ASSERT_TRUE(add_process(fake_.host(), *group, ::getpid()));
    EXPECT_EQ(slurp(fake_ / "c1/tasks"), std::to_string(::getpid()));
    EXPECT_TRUE(add_process(fake_.host(), *group, 0x7fffffff));  // one that is gone meanwhile
}

TEST_F(RdtGroup, SharesAreChangedAndPutBack) {
    make_preset("gold", "L3:0=ff\n");
    auto group = make(wanted("gold"));
    ASSERT_TRUE(group);
    auto before = read_schemata(*group);
    ASSERT_TRUE(before);
    ASSERT_TRUE(change_schemata(fake_.host(), *group, wanted("", "L3:0=0f")));
    EXPECT_EQ(slurp(fake_ / "gold/schemata"), "L3:0=0f");
    spec::IntelRdt old;
    old.schemata = {*before};
    ASSERT_TRUE(change_schemata(fake_.host(), *group, old));
    EXPECT_TRUE(slurp(fake_ / "gold/schemata").starts_with("L3:0=ff"));
}

}  // namespace
}  // namespace urc::rdt
