// linux.intelRdt through the verbs, with a directory in place of resctrl.
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/exec.h"
#include "core/state/store.h"
#include "live_container.h"
#include "tests/core/rdt/fake_resctrl.h"

namespace urc {
namespace {

using cgroup::is_there;
using cgroup::slurp;
using cgroup::spit;

class RdtTest : public testing::LiveContainerTest {
protected:
    void SetUp() override {
        LiveContainerTest::SetUp();
        rdt_host_ = fake_.host();
    }
    void ask_for(const std::string& rdt) {
        write_config({"/bin/sleep", "1000"}, "\"intelRdt\":" + rdt + ",");
    }
    std::string tasks(const std::string& group) { return slurp(fake_ / (group + "/tasks")); }
    rdt::Group saved() {
        auto store = Store::open(root_);
        auto dir = store->find(id_);
        return dir->load()->rdt;
    }
    std::string change(const std::string& l3, const std::string& mb) {
        return text(update(global(), id_, {.resources = {}, .l3_cache_schema = l3, .mem_bw_schema = mb}));
    }

    rdt::FakeResctrl fake_;
};

TEST_F(RdtTest, TheInitIsInItsGroupBeforeItsProgramRunsAndTheGroupGoesWithIt) {
    ask_for(R"({"l3CacheSchema":"L3:0=ff","enableMonitoring":true})");
    make(StartedBy::socket);
    EXPECT_EQ(tasks(id_), std::to_string(pid_));
    EXPECT_EQ(tasks(id_ + "/mon_groups/" + id_), std::to_string(pid_));
    EXPECT_EQ(slurp(fake_ / (id_ + "/schemata")), "L3:0=ff");
    EXPECT_EQ(saved().path, fake_ / id_);
    ASSERT_EQ(text(start(global(), id_)), "");
    ASSERT_EQ(text(remove(global(), id_, {.force = true})), "");
    EXPECT_FALSE(is_there(fake_ / id_));
}

TEST_F(RdtTest, AProcessMoreIsInTheGroup) {
    ask_for(R"({"closID":"/","enableMonitoring":true})");
    make(StartedBy::channel);
    auto executed = start_exec(global(), [&] {
        ExecOptions exec;
        exec.id = id_;
        exec.args = {"/bin/true"};
        return exec;
    }());
    ASSERT_TRUE(executed) << executed.error().text();
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(executed->process.get()), &info, WEXITED);
    EXPECT_EQ(tasks("mon_groups/" + id_), std::to_string(executed->pid));
}

TEST_F(RdtTest, NothingIsLeftOfALaunchThatFails) {
    ask_for(R"({"closID":"gold","l3CacheSchema":"L3:0=ff"})");
    for (std::string_view failing : launch_step_names()) {
        auto launched =
            launch(global(), options(), StartedBy::socket, [failing](std::string_view step) -> Result<void> {
                if (step == failing) return Error(EIO, "injected at", step);
                return {};
            });
        ASSERT_FALSE(launched) << failing;
        EXPECT_FALSE(is_there(fake_ / "gold")) << failing;
    }
    rdt::FakeResctrl::broken() = "/gold";
    auto launched = launch(global(), options(), StartedBy::socket);
    ASSERT_FALSE(launched);
    EXPECT_TRUE(launched.error().text().starts_with("Intel RDT: ")) << launched.error().text();
    EXPECT_EQ(leftovers(), "");
    EXPECT_FALSE(is_there(fake_ / "gold"));
}

TEST_F(RdtTest, UpdateChangesTheSharesOfTheGroup) {
    ask_for(R"({"l3CacheSchema":"L3:0=ff"})");
    make(StartedBy::channel);
    EXPECT_EQ(change("L3:0=0f", ""), "");
    EXPECT_EQ(slurp(fake_ / (id_ + "/schemata")), "L3:0=0f");
    EXPECT_NE(change("", "L3:0=f"), "");
}

TEST_F(RdtTest, UpdateMakesAGroupForAContainerWithoutOne) {
    make(StartedBy::channel);
    EXPECT_EQ(change("", "MB:0=30"), "");
    EXPECT_EQ(slurp(fake_ / (id_ + "/schemata")), "MB:0=30");
    EXPECT_EQ(tasks(id_), std::to_string(pid_));
    ASSERT_EQ(text(remove(global(), id_, {.force = true})), "");
    EXPECT_FALSE(is_there(fake_ / id_));
}

TEST_F(RdtTest, AnUpdateThatFailsLaterTakesTheGroupBack) {
    make(StartedBy::channel);
    const std::string obstacle = root_ + "/" + id_ + "/state.json.new";
    ASSERT_TRUE(std::filesystem::create_directory(obstacle));
    EXPECT_NE(change("L3:0=f", ""), "");
    EXPECT_FALSE(is_there(fake_ / id_));
    std::filesystem::remove(obstacle);
    EXPECT_EQ(saved().path, "");
}

TEST_F(RdtTest, EventsTellOfTheGroup) {
    ask_for(R"({"l3CacheSchema":"L3:0=ff"})");
    make(StartedBy::channel);
    spit(fake_ / (id_ + "/mon_data/mon_L3_00/llc_occupancy"), "123\n");
    std::uint64_t occupancy = 0;
    auto told = events(global(), id_, {.once = true}, [&](const ContainerStats* stats) -> Result<void> {
        if (stats && stats->rdt && !stats->rdt->domains.empty()) occupancy = stats->rdt->domains[0].occupancy;
        return {};
    });
    ASSERT_TRUE(told) << told.error().text();
    EXPECT_EQ(occupancy, 123u);
}

}  // namespace
}  // namespace urc
