// state, list, kill and delete on containers that are only a state directory and a process: without cgroups,
// so that they need no privilege.
#include <sys/file.h>
#include <sys/stat.h>

#include "core/runtime.h"
#include "tests/core/state/state_fixture.h"

namespace urc {
namespace {

using state_test::Sleeper;

class VerbsTest : public state_test::StateTest {
protected:
    VerbsTest() : global_{.root = root_, .log = log_} {}
    bool exists(const std::string& name) { return std::filesystem::exists(root_ + "/" + name); }

    Log log_;
    Global global_;
};

TEST_F(VerbsTest, StateShowsALiveContainer) {
    Sleeper init;
    put("c1", init.pid());
    auto view = state(global_, "c1");
    ASSERT_TRUE(view) << view.error().text();
    EXPECT_EQ(view->id, "c1");
    EXPECT_EQ(view->pid, init.pid());
    EXPECT_EQ(view->status, Status::running);
    EXPECT_EQ(view->bundle, "/b");
    EXPECT_EQ(view->created, "2023-11-14T22:13:20.123456789Z");
    EXPECT_EQ(view->owner, "root");
}

TEST_F(VerbsTest, StateOfAStoppedContainerHasNoPid) {
    Sleeper init;
    put("c1", init.pid());
    init.end();
    auto view = state(global_, "c1");
    ASSERT_TRUE(view);
    EXPECT_EQ(view->status, Status::stopped);
    EXPECT_EQ(view->pid, 0);
}

TEST_F(VerbsTest, StateDoesNotWaitForALock) {
    Sleeper init;
    put("c1", init.pid());
    auto store = Store::open(root_);
    auto holder = store->find("c1");
    ASSERT_TRUE(holder->lock(0));
    EXPECT_EQ(state(global_, "c1")->status, Status::running);
    // A fork that has not become a program, and is no restored one: under somebody's lock it is still being
    // set up, then it is at its startContainer hooks.
    auto saved = holder->load();
    ASSERT_TRUE(saved);
    saved->is_restored = false;
    ASSERT_TRUE(holder->save(*saved));
    EXPECT_EQ(state(global_, "c1")->status, Status::creating);
    holder->unlock();
    EXPECT_EQ(state(global_, "c1")->status, Status::created);
}

TEST_F(VerbsTest, StateDoesNotMindAMissingCgroup) {
    Sleeper init;
    State saved = sample("c1", init.pid());
    saved.cgroup_paths = {{"freezer", base_ + "/gone"}, {"memory", base_ + "/gone"}};
    {
        auto store = Store::open(root_);
        auto dir = store->reserve("c1");
        ASSERT_TRUE(dir->save(saved));
    }
    auto view = state(global_, "c1");
    ASSERT_TRUE(view) << view.error().text();
    EXPECT_EQ(view->status, Status::running);
}

TEST_F(VerbsTest, StateOfOneThatIsBeingCreatedSaysCreating) {
    auto store = Store::open(root_);
    auto creator = store->reserve("c1");
    auto view = state(global_, "c1");
    ASSERT_TRUE(view);
    EXPECT_EQ(view->status, Status::creating);
    creator->unlock();
    EXPECT_EQ(state(global_, "c1").error().text(), "container does not exist");
}

TEST_F(VerbsTest, AnOwnerWithoutANameIsShownAsNumber) {
    Sleeper init;
    State saved = sample("c1", init.pid());
    saved.owner = 3'999'999'999;
    {
        auto store = Store::open(root_);
        auto dir = store->reserve("c1");
        ASSERT_TRUE(dir->save(saved));
    }
    EXPECT_EQ(state(global_, "c1")->owner, "3999999999");
}

TEST_F(VerbsTest, StateShowsAMonitorWhileItLives) {
    Sleeper init, monitor;
    State saved = sample("c1", init.pid());
    saved.monitor = *identify(monitor.pid(), -1);
    {
        auto store = Store::open(root_);
        auto dir = store->reserve("c1");
        ASSERT_TRUE(dir->save(saved));
    }
    EXPECT_EQ(state(global_, "c1")->monitor_pid, monitor.pid());
    monitor.end();
    EXPECT_EQ(state(global_, "c1")->monitor_pid, 0);
}

TEST_F(VerbsTest, ListIsSortedAndPassesBrokenOnesBy) {
    Sleeper init;
    put("b", init.pid());
    put("a", 0);
    std::filesystem::create_directory(root_ + "/broken");
    state_test::spit(root_ + "/broken/state.json", "{");
    std::filesystem::create_directory(root_ + "/empty");
    auto views = list(global_);
    ASSERT_TRUE(views);
    ASSERT_EQ(views->size(), 2u);
    EXPECT_EQ((*views)[0].id, "a");
    EXPECT_EQ((*views)[1].id, "b");
}

TEST_F(VerbsTest, ListOfAMissingDefaultRootIsEmpty) {
    EXPECT_EQ(list(global_).error().code(), ENOENT);
    global_.root_is_default = true;
    EXPECT_TRUE(list(global_)->empty());
}

TEST_F(VerbsTest, KillReachesTheInit) {
    Sleeper init;
    put("c1", init.pid());
    ASSERT_TRUE(kill(global_, "c1", {.signal = 0}));
    ASSERT_TRUE(kill(global_, "c1", {.signal = SIGTERM}));
    const int status = init.reap();
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST_F(VerbsTest, KillOfAStoppedContainerFailsUnlessAllIsAsked) {
    Sleeper init;
    put("c1", init.pid());
    init.end();
    EXPECT_EQ(kill(global_, "c1", {.signal = SIGKILL}).error().text(), "container not running");
    EXPECT_EQ(kill(global_, "c1", {.signal = SIGTERM}).error().text(), "container not running");
    EXPECT_TRUE(kill(global_, "c1", {.signal = SIGTERM, .all = true}));
    EXPECT_EQ(kill(global_, "c2", {}).error().text(), "container does not exist");
}

TEST_F(VerbsTest, KillDoesNotHitAProcessThatHasTheNumberNow) {
    Sleeper stranger;
    State saved = sample("c1", stranger.pid());
    saved.init.start_time -= 1;
    {
        auto store = Store::open(root_);
        auto dir = store->reserve("c1");
        ASSERT_TRUE(dir->save(saved));
    }
    EXPECT_EQ(kill(global_, "c1", {.signal = SIGKILL}).error().text(), "container not running");
    ASSERT_TRUE(remove(global_, "c1", {.force = true}));
    EXPECT_EQ(::kill(stranger.pid(), 0), 0);
    EXPECT_TRUE(is_alive(*identify(stranger.pid(), -1)));
}

TEST_F(VerbsTest, DeleteRefusesARunningContainer) {
    Sleeper init;
    put("c1", init.pid());
    auto removed = remove(global_, "c1", {});
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().text(), "cannot delete container c1 that is not stopped: running");
    EXPECT_TRUE(exists("c1/state.json"));
    EXPECT_TRUE(is_alive(*identify(init.pid(), -1)));
}

TEST_F(VerbsTest, DeleteForceKillsARunningContainer) {
    Sleeper init;
    put("c1", init.pid());
    ASSERT_TRUE(remove(global_, "c1", {.force = true}));
    EXPECT_FALSE(exists("c1"));
    EXPECT_EQ(WTERMSIG(init.reap()), SIGKILL);
}

TEST_F(VerbsTest, DeleteTakesACreatedContainerWithoutForce) {
    Sleeper init;
    put("c1", init.pid());
    ASSERT_EQ(::mkfifo((root_ + "/c1/start.sock").c_str(), 0600), 0);
    EXPECT_EQ(state(global_, "c1")->status, Status::created);
    ASSERT_TRUE(remove(global_, "c1", {}));
    EXPECT_FALSE(exists("c1"));
    EXPECT_EQ(WTERMSIG(init.reap()), SIGKILL);
}

TEST_F(VerbsTest, DeleteOfAnUnknownContainerIsAnErrorUnlessForced) {
    EXPECT_EQ(remove(global_, "c1", {}).error().text(), "container does not exist");
    EXPECT_TRUE(remove(global_, "c1", {.force = true}));
}

TEST_F(VerbsTest, DeleteForceRemovesWhatAKilledCreatorLeft) {
    std::filesystem::create_directories(root_ + "/c1");
    state_test::spit(root_ + "/c1/state.json.new", "{");
    EXPECT_EQ(remove(global_, "c1", {}).error().text(), "container does not exist");
    EXPECT_TRUE(exists("c1"));
    ASSERT_TRUE(remove(global_, "c1", {.force = true}));
    EXPECT_FALSE(exists("c1"));
}

// There may be processes and cgroups, of which nobody would know any more.
TEST_F(VerbsTest, DeleteForgetsNoContainerWhoseStateIsDamaged) {
    std::filesystem::create_directories(root_ + "/c1");
    for (const char* text : {"", "{", "{}"}) {
        state_test::spit(root_ + "/c1/state.json", text);
        EXPECT_FALSE(remove(global_, "c1", {}));
        EXPECT_FALSE(remove(global_, "c1", {.force = true}));
        EXPECT_TRUE(exists("c1"));
    }
}

TEST_F(VerbsTest, ARegularExpressionNamesSeveral) {
    Sleeper one, two, other;
    put("web-1", one.pid());
    put("web-2", two.pid());
    put("db", other.pid());
    ASSERT_TRUE(kill(global_, "^web-[0-9]$", {.signal = SIGTERM, .is_regex = true}));
    EXPECT_EQ(WTERMSIG(one.reap()), SIGTERM);
    EXPECT_EQ(WTERMSIG(two.reap()), SIGTERM);
    ASSERT_TRUE(remove(global_, "web", {.force = false, .is_regex = true}));
    EXPECT_FALSE(exists("web-1") || exists("web-2"));
    EXPECT_TRUE(exists("db"));
    auto refused = remove(global_, ".*", {.force = false, .is_regex = true});
    EXPECT_EQ(refused.error().text(), "db: cannot delete container db that is not stopped: running");
    EXPECT_FALSE(remove(global_, "[", {.force = true, .is_regex = true}));
    EXPECT_TRUE(remove(global_, "nobody", {.force = false, .is_regex = true}));
}

}  // namespace
}  // namespace urc
