// kill and delete where the init is not all there is: no pid namespace, sub-cgroups, strangers. Real cgroups.
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "core/cgroup/layout.h"
#include "live_container.h"
#include "tests/core/cgroup/fixture.h"

namespace urc {
namespace {

class DeleteTest : public testing::LiveContainerTest {
protected:
    // Without a pid namespace: its children outlive the init.
    void make_shared() {
        write_config({"/bin/sh", "-c", "sleep 1000 & sleep 1000 & echo $! > /made; sleep 1000"});
        std::string text = cgroup::slurp(bundle_ + "/config.json");
        const std::string own = "{\"type\":\"pid\"},";
        text.erase(text.find(own), own.size());
        write_file(bundle_ + "/config.json", text);
        make(StartedBy::channel);
        for (int tries = 0; tries < 5'000 && cgroup::slurp(bundle_ + "/rootfs/made").empty(); ++tries)
            (void)::poll(nullptr, 0, 1);
        ASSERT_EQ(count(), 3u);
    }
    std::size_t count() {
        auto found = pids(global(), id_);
        return found ? found->size() : 999;
    }
    // Where the processes are held and listed.
    std::string directory() {
        const std::string v1 = "/sys/fs/cgroup/freezer/" + id_;
        return cgroup::is_there(v1) ? v1 : "/sys/fs/cgroup/" + id_;
    }
    bool becomes_empty() {
        for (int tries = 0; tries < 5'000 && count() != 0; ++tries) (void)::poll(nullptr, 0, 1);
        return count() == 0;
    }
};

TEST_F(DeleteTest, KillReachesWhatTheInitLeftBehind) {
    make_shared();
    kill_and_reap(init_);
    EXPECT_EQ(count(), 2u);
    EXPECT_EQ(text(kill(global(), id_, {.signal = SIGTERM})), "container not running");
    EXPECT_EQ(count(), 2u);
    EXPECT_EQ(text(kill(global(), id_, {.signal = SIGKILL})), "");
    EXPECT_TRUE(becomes_empty());
    EXPECT_EQ(text(kill(global(), id_, {.signal = SIGKILL})), "container not running");
    EXPECT_EQ(text(kill(global(), id_, {.signal = SIGKILL, .all = true})), "");
}

TEST_F(DeleteTest, DeleteEndsWhatTheInitLeftBehind) {
    make_shared();
    kill_and_reap(init_);
    EXPECT_EQ(text(remove(global(), id_, {})), "");
}

TEST_F(DeleteTest, ForcedDeleteReachesFrozenSubCgroups) {
    make_shared();
    const std::string below = directory() + "/below";
    ASSERT_EQ(::mkdir(below.c_str(), 0755), 0);
    auto found = pids(global(), id_);
    ASSERT_TRUE(found);
    const pid_t last = found->back() == pid_ ? found->front() : found->back();
    cgroup::spit(below + "/cgroup.procs", std::to_string(last));
    ASSERT_EQ(cgroup::slurp(below + "/cgroup.procs"), std::to_string(last));
    const bool is_v1 = cgroup::is_there(below + "/freezer.state");
    cgroup::spit(below + (is_v1 ? "/freezer.state" : "/cgroup.freeze"), is_v1 ? "FROZEN" : "1");
    EXPECT_EQ(count(), 3u) << "those of sub-cgroups count";
    EXPECT_EQ(text(remove(global(), id_, {.force = true})), "");
    EXPECT_FALSE(cgroup::is_there(below));
}

TEST_F(DeleteTest, ForcedDeleteOfAStoppedOneEndsStrangersInItsCgroup) {
    make(StartedBy::channel);
    cgroup::Sleeper stranger;
    ASSERT_TRUE(stranger.is_ready());
    kill_and_reap(init_);
    cgroup::spit(directory() + "/cgroup.procs", std::to_string(stranger.pid()));
    ASSERT_EQ(count(), 1u);
    EXPECT_EQ(text(remove(global(), id_, {.force = true})), "");
    EXPECT_EQ(stranger.wait(), SIGKILL);
}

TEST_F(DeleteTest, TheOrdinaryDeleteTakesSubCgroupsAlong) {
    make(StartedBy::channel);
    ASSERT_TRUE(std::filesystem::create_directories(directory() + "/a/b"));
    kill_and_reap(init_);
    EXPECT_EQ(text(remove(global(), id_, {})), "");
}

}  // namespace
}  // namespace urc
