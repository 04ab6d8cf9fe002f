#include "core/state/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "tests/core/state/state_fixture.h"

namespace urc {
namespace {

using state_test::Sleeper;
using state_test::slurp;
using state_test::spit;

class StoreTest : public state_test::StateTest {
protected:
    bool exists(const std::string& name) { return std::filesystem::exists(root_ + "/" + name); }
    // What a creator that was killed before the first save() leaves.
    void leave_directory(const std::string& id) {
        std::filesystem::create_directories(root_ + "/" + id);
        spit(root_ + "/" + id + "/state.json.new", "{");
        ASSERT_EQ(::mkfifo((root_ + "/" + id + "/start.sock").c_str(), 0600), 0);
    }
};

TEST_F(StoreTest, GivesBackWhatWasSaved) {
    auto store = Store::open(root_);
    ASSERT_TRUE(store);
    auto dir = store->reserve("c1");
    ASSERT_TRUE(dir) << dir.error().text();
    State state = sample("c1", ::getpid());
    state.annotations = {{"a=b", "c=d"}, {"\n\"", "\xff"}};
    state.owner = 1000;
    state.rootless = true;
    state.cgroup_paths = {{"", "/sys/fs/cgroup/u/c1"}, {"memory", "/sys/fs/cgroup/memory/u/c1"}};
    state.cgroups_made = {"/sys/fs/cgroup/u", "/sys/fs/cgroup/u/c1"};
    state.external_descriptors = {"/dev/null", "pipe:[1]", ""};
    state.rdt = {"/sys/fs/resctrl/x", "/sys/fs/resctrl/x/mon_groups/c1", true, true};
    state.seccomp_agent = {"/run/agent.sock", "of \"x\""};
    ASSERT_TRUE(dir->save(state));

    auto found = store->find("c1");
    ASSERT_TRUE(found);
    auto loaded = found->load();
    ASSERT_TRUE(loaded) << loaded.error().text();
    EXPECT_EQ(loaded->id, "c1");
    EXPECT_EQ(loaded->init.pid, ::getpid());
    EXPECT_EQ(loaded->init.start_time, state.init.start_time);
    EXPECT_EQ(loaded->created.tv_sec, state.created.tv_sec);
    EXPECT_EQ(loaded->created.tv_nsec, state.created.tv_nsec);
    EXPECT_EQ(loaded->bundle, "/b");
    EXPECT_EQ(loaded->rootfs, "/b/rootfs");
    EXPECT_EQ(loaded->annotations, (spec::StringMap{{"a=b", "c=d"}, {"\n\"", "\xEF\xBF\xBD"}}));
    EXPECT_EQ(loaded->owner, 1000u);
    EXPECT_TRUE(loaded->rootless);
    EXPECT_EQ(loaded->cgroup_paths, state.cgroup_paths);
    EXPECT_EQ(loaded->cgroups_made, state.cgroups_made);
    EXPECT_EQ(loaded->external_descriptors, state.external_descriptors);
    EXPECT_EQ(loaded->rdt.path, state.rdt.path);
    EXPECT_EQ(loaded->rdt.monitor, state.rdt.monitor);
    EXPECT_TRUE(loaded->rdt.is_made && loaded->rdt.is_named);
    EXPECT_EQ(loaded->seccomp_agent.path, state.seccomp_agent.path);
    EXPECT_EQ(loaded->seccomp_agent.metadata, state.seccomp_agent.metadata);
    EXPECT_TRUE(loaded->has_own_pid_namespace());
    ASSERT_EQ(loaded->namespaces.size(), 2u);
    EXPECT_EQ(loaded->namespaces[1].path, "/run/netns/x");
}

TEST_F(StoreTest, SaveReplacesTheFileAndLeavesNoOther) {
    auto store = Store::open(root_);
    auto dir = store->reserve("c1");
    State state = sample("c1", ::getpid());
    ASSERT_TRUE(dir->save(state));
    const std::string first = slurp(root_ + "/c1/state.json");
    state.bundle = "/other";
    ASSERT_TRUE(dir->save(state));
    EXPECT_NE(slurp(root_ + "/c1/state.json"), first);
    EXPECT_EQ(dir->load()->bundle, "/other");
    EXPECT_FALSE(exists("c1/state.json.new"));
}

TEST_F(StoreTest, AFailingSaveKeepsTheOldState) {
    auto store = Store::open(root_);
    auto dir = store->reserve("c1");
    ASSERT_TRUE(dir->save(sample("c1", ::getpid())));
    // A directory in the place of the new file makes the next save fail.
    ASSERT_TRUE(std::filesystem::create_directory(root_ + "/c1/state.json.new"));
    EXPECT_FALSE(dir->save(sample("c1", 0)));
    EXPECT_EQ(dir->load()->init.pid, ::getpid());
}

TEST_F(StoreTest, ADirectoryIsMadeWith0711AndTheRootWith0700) {
    auto store = Store::open(base_ + "/deep/er");
    ASSERT_TRUE(store);
    auto dir = store->reserve("c1");
    ASSERT_TRUE(dir);
    struct stat info {};
    ASSERT_EQ(::fstat(dir->fd(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0711u);
    ASSERT_EQ(::stat((base_ + "/deep/er").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST_F(StoreTest, ADamagedStateIsNamedByItsPath) {
    put("c1", ::getpid());
    for (const char* text : {"", "{", "{}", R"({"id":"c1","init_process_pid":"x"})"}) {
        spit(root_ + "/c1/state.json", text);
        auto store = Store::open(root_);
        auto state = store->find("c1")->load();
        ASSERT_FALSE(state) << text;
        EXPECT_TRUE(state.error().text().starts_with(root_ + "/c1/state.json is damaged: "))
            << state.error().text();
        EXPECT_EQ(state.error().text().find("Protocol"), std::string::npos);
    }
}

TEST_F(StoreTest, AnIdInUseIsRefused) {
    put("c1", ::getpid());
    auto store = Store::open(root_);
    auto again = store->reserve("c1");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().text(), "container with given ID already exists");
    EXPECT_EQ(again.error().code(), EEXIST);
    EXPECT_TRUE(exists("c1/state.json"));
}

TEST_F(StoreTest, AnIdThatIsBeingCreatedIsRefused) {
    auto store = Store::open(root_);
    auto dir = store->reserve("c1");
    ASSERT_TRUE(dir);
    EXPECT_FALSE(store->reserve("c1"));
    EXPECT_TRUE(store->find("c1")->is_locked());
    EXPECT_EQ(store->find("c1")->load().error().code(), ENOENT);
}

TEST_F(StoreTest, TheLeftoverOfADeadCreatorIsTakenOverAndEmptied) {
    leave_directory("c1");
    auto store = Store::open(root_);
    EXPECT_FALSE(store->find("c1")->is_locked());
    auto dir = store->reserve("c1");
    ASSERT_TRUE(dir) << dir.error().text();
    EXPECT_FALSE(dir->has_start_socket());
    EXPECT_FALSE(exists("c1/state.json.new"));
}

TEST_F(StoreTest, AFileInTheWayOfAnIdIsRefused) {
    auto store = Store::open(root_);
    spit(root_ + "/c1", "x");
    ASSERT_EQ(::symlink("/tmp", (root_ + "/c2").c_str()), 0);
    EXPECT_EQ(store->reserve("c1").error().code(), EEXIST);
    EXPECT_EQ(store->reserve("c2").error().code(), EEXIST);
    EXPECT_EQ(store->find("c1").error().text(), "container does not exist");
    EXPECT_EQ(store->find("c2").error().text(), "container does not exist");
}

TEST_F(StoreTest, OfManyCreatorsOneWins) {
    ASSERT_TRUE(Store::open(root_));
    int winners = 0;
    int gate[2], results[2];
    ASSERT_EQ(::pipe(gate), 0);
    ASSERT_EQ(::pipe(results), 0);
    constexpr int kCreators = 8;
    for (int i = 0; i < kCreators; ++i) {
        if (::fork() != 0) continue;
        char byte;
        ::close(gate[1]);
        (void)!::read(gate[0], &byte, 1);  // all begin at the end of the pipe
        auto store = Store::open_existing(root_);
        auto dir = store->reserve("c1");
        const bool is_winner = dir && dir->save(sample("c1", ::getppid()));
        (void)!::write(results[1], is_winner ? "1" : "0", 1);
        ::_exit(0);
    }
    ::close(gate[0]);
    ::close(gate[1]);
    for (int i = 0; i < kCreators; ++i) {
        char answer = 0;
        ASSERT_EQ(::read(results[0], &answer, 1), 1);
        winners += answer == '1';
    }
    for (int i = 0; i < kCreators; ++i) ::wait(nullptr);
    ::close(results[0]);
    ::close(results[1]);
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(Store::open(root_)->find("c1")->load()->id, "c1");
}

TEST_F(StoreTest, RemoveTakesTheDirectoryWithAllItsFiles) {
    put("c1", ::getpid());
    spit(root_ + "/c1/else", "x");
    auto store = Store::open(root_);
    auto dir = store->find("c1");
    ASSERT_TRUE(dir->lock(0));
    ASSERT_TRUE(dir->remove());
    EXPECT_FALSE(exists("c1"));
    EXPECT_EQ(store->find("c1").error().text(), "container does not exist");
}

TEST_F(StoreTest, RemoveOfAnOldDirectorySparesTheNewOneOfThatName) {
    put("c1", ::getpid());
    auto store = Store::open(root_);
    auto old = store->find("c1");
    ASSERT_TRUE(store->find("c1")->remove());
    auto fresh = store->reserve("c1");
    ASSERT_TRUE(fresh);
    EXPECT_TRUE(old->remove());
    EXPECT_TRUE(exists("c1"));
}

TEST_F(StoreTest, TheLockEndsWithItsHolder) {
    auto store = Store::open(root_);
    {
        auto dir = store->reserve("c1");
        ASSERT_TRUE(dir->save(sample("c1", ::getpid())));
        EXPECT_EQ(store->find("c1")->lock(1).error().code(), ETIMEDOUT);
    }
    auto dir = store->find("c1");
    EXPECT_FALSE(dir->is_locked());
    ASSERT_TRUE(dir->lock(0));
    EXPECT_TRUE(dir->is_locked());
    dir->unlock();
    EXPECT_FALSE(dir->is_locked());
}

TEST_F(StoreTest, IdsLeavesOutWhatCannotBeAContainer) {
    put("b", 0);
    put("a", 0);
    std::filesystem::create_directory(root_ + "/.cache");
    std::filesystem::create_directory(root_ + "/x y");
    auto ids = Store::open(root_)->ids();
    ASSERT_TRUE(ids);
    EXPECT_EQ(*ids, (std::vector<std::string>{"a", "b"}));
}

TEST_F(StoreTest, AMissingRootIsToldFromAnEmptyOne) {
    EXPECT_EQ(Store::open_existing(root_).error().code(), ENOENT);
    EXPECT_TRUE(Store::open(root_)->ids()->empty());
}

TEST_F(StoreTest, ALongIdIsRefusedAndLeavesNothing) {
    auto store = Store::open(root_);
    const std::string id(1100, 'x');
    EXPECT_EQ(store->reserve(id).error().code(), ENAMETOOLONG);
    EXPECT_EQ(store->find(id).error().code(), ENAMETOOLONG);
    EXPECT_TRUE(store->ids()->empty());
}

TEST(StateId, AcceptsLettersDigitsAndFourMarks) {
    for (const char* id : {"a", "Z9", "a_b+c-d.e", "-x", "0"}) EXPECT_TRUE(check_id(id)) << id;
}

TEST(StateId, RefusesEverythingElse) {
    for (const char* id : {".", "..", ".hidden", "a/b", "a b", "a:b", "a@b", "a\nb", "caf\xc3\xa9", "a*"}) {
        auto checked = check_id(id);
        ASSERT_FALSE(checked) << id;
        EXPECT_NE(checked.error().text().find("invalid container ID format"), std::string::npos);
    }
    EXPECT_EQ(check_id("").error().text(), "container ID cannot be empty");
}

bool never_frozen(const State&) {
    return false;
}
bool always_frozen(const State&) {
    return true;
}

TEST_F(StoreTest, TheStatusFollowsTheProcessTheFifoAndTheFreezer) {
    Sleeper init;
    put("c1", init.pid());
    auto dir = Store::open(root_)->find("c1");
    const State state = *dir->load();
    EXPECT_EQ(compute_status(*dir, state, never_frozen), Status::running);
    EXPECT_EQ(compute_status(*dir, state, always_frozen), Status::paused);
    ASSERT_EQ(::mkfifoat(dir->fd(), kStartSocket, 0600), 0);
    EXPECT_EQ(compute_status(*dir, state, never_frozen), Status::created);
    init.end();
    EXPECT_EQ(compute_status(*dir, state, always_frozen), Status::stopped) << "a zombie";
    init.reap();
    EXPECT_EQ(compute_status(*dir, state, never_frozen), Status::stopped) << "nobody";
}

TEST_F(StoreTest, WithoutAProcessItIsBeingCreatedWhileSomebodyHoldsTheLock) {
    auto store = Store::open(root_);
    const State state = sample("c1", 0);
    auto creator = store->reserve("c1");
    auto dir = store->find("c1");
    EXPECT_EQ(compute_status(*dir, state, never_frozen), Status::creating);
    creator->unlock();
    EXPECT_EQ(compute_status(*dir, state, never_frozen), Status::stopped);
}

}  // namespace
}  // namespace urc
