// Every step of a launch is made to fail, and then nothing may be left of the container.
#include "core/lifecycle/launch.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "container_test.h"
#include "core/lifecycle/destroy.h"
#include "uring/file.h"

namespace urc {
namespace {

class LaunchTest : public testing::ContainerTest {
protected:
    // Runs what was launched to its end, and removes it.
    int finish(Launched launched) {
        auto released = release(global(), launched);
        EXPECT_TRUE(released.ok()) << released.error().text();
        if (!released.ok()) return -1;
        siginfo_t info{};
        ::waitid(P_PIDFD, static_cast<id_t>(launched.init.get()), &info, WEXITED);
        auto destroyed = destroy(global(), launched.dir, launched.state);
        EXPECT_TRUE(destroyed.ok()) << destroyed.error().text();
        return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    }

    void fail_at(std::string_view failing, StartedBy started_by) {
        child::StepHook hook = [failing](std::string_view step) -> Result<void> {
            if (step == failing) return Error(EIO, "injected at", step);
            return {};
        };
        auto launched = launch(global(), options(), started_by, hook);
        std::string text;
        if (!launched.ok()) {
            text = launched.error().text();
        } else {
            // Nobody waits for the child before its last word: what failed there comes out now.
            ASSERT_EQ(started_by, StartedBy::channel);
            auto released = release(global(), *launched);
            if (!released.ok()) text = released.error().text();
        }
        launched = Error(ECANCELED, "closed");
        EXPECT_EQ(text, "injected at: " + std::string(failing) + ": Input/output error");
        EXPECT_EQ(leftovers(), "") << "after failing at " << failing;
    }
};

TEST_F(LaunchTest, RunsTheProgram) {
    write_config({"/bin/sh", "-c", "exit 7"});
    auto launched = launch(global(), options(), StartedBy::channel);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    EXPECT_EQ(finish(std::move(*launched)), 7);
}

TEST_F(LaunchTest, LeavesNothingWhicheverStepFails) {
    write_config({"/bin/true"});
    // The injection itself is tested: every step of both lists is really gone through.
    std::set<std::string_view> seen_by_parent;
    child::StepHook hook = [&](std::string_view step) -> Result<void> {
        seen_by_parent.insert(step);
        return {};
    };
    auto launched = launch(global(), options(), StartedBy::channel, hook);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    EXPECT_EQ(finish(std::move(*launched)), 0);
    for (std::string_view step : launch_step_names()) EXPECT_TRUE(seen_by_parent.contains(step)) << step;

    for (std::string_view step : launch_step_names()) {
        SCOPED_TRACE("parent");
        fail_at(step, StartedBy::channel);
        fail_at(step, StartedBy::socket);
    }
    for (std::string_view step : child::step_names()) {
        SCOPED_TRACE("child");
        fail_at(step, StartedBy::channel);
        fail_at(step, StartedBy::socket);
    }
}

TEST_F(LaunchTest, LeavesNothingInAUserNamespaceEither) {
    write_config({"/bin/true"});
    auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
    ASSERT_TRUE(text.ok());
    std::string config = *text;
    config.replace(config.find("{\"type\":\"pid\"}"), 0, "{\"type\":\"user\"},");
    config.replace(config.find("\"resources\""), 0,
                   R"("uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],)"
                   R"("gidMappings":[{"containerID":0,"hostID":100000,"size":65536}],)");
    config.replace(config.find("\"oomScoreAdj\":100,"), 18, "");
    write_file(bundle_ + "/config.json", config);
    // Its root makes the mount points, so the root file system must be its own.
    for (const auto& entry : std::filesystem::recursive_directory_iterator(bundle_ + "/rootfs"))
        ASSERT_EQ(::lchown(entry.path().c_str(), 100000, 100000), 0);
    auto launched = launch(global(), options(), StartedBy::channel);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    EXPECT_EQ(finish(std::move(*launched)), 0);
    for (std::string_view step : launch_step_names()) fail_at(step, StartedBy::channel);
    for (std::string_view step : child::step_names()) fail_at(step, StartedBy::channel);
}

TEST_F(LaunchTest, LeavesNothingWhenTheChildIsKilled) {
    write_config({"/bin/true"});
    for (std::string_view victim : child::step_names()) {
        child::StepHook hook = [victim](std::string_view step) -> Result<void> {
            if (step == victim) ::_exit(1);
            return {};
        };
        // A name that both lists have would end this process.
        auto parents = launch_step_names();
        if (std::find(parents.begin(), parents.end(), victim) != parents.end()) continue;
        auto launched = launch(global(), options(), StartedBy::socket, hook);
        ASSERT_FALSE(launched.ok());
        EXPECT_EQ(launched.error().text(), "the container's process died before it was set up");
        EXPECT_EQ(leftovers(), "") << "after dying at " << victim;
    }
}

TEST_F(LaunchTest, TellsWhatAFailingExecveSaid) {
    write_file(bundle_ + "/rootfs/bin/script", "#!/bin/nope\n");
    ASSERT_EQ(::chmod((bundle_ + "/rootfs/bin/script").c_str(), 0755), 0);
    write_config({"/bin/script"});
    auto launched = launch(global(), options(), StartedBy::channel);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    auto released = release(global(), *launched);
    ASSERT_FALSE(released.ok());
    EXPECT_EQ(released.error().text(), "exec /bin/script: no such file or directory");
}

// DESIGN: the child holds nothing of ours. What it does hold while it waits is counted here.
TEST_F(LaunchTest, ACreatedInitHoldsOnlyStdioAndItsSocket) {
    write_config({"/bin/true"});
    int leaked = ::open("/", O_RDONLY);  // a caller's directory, without close-on-exec
    auto launched = launch(global(), options(), StartedBy::socket);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    std::string directory = "/proc/" + std::to_string(launched->state.init.pid) + "/fd";
    std::vector<std::string> beyond_stdio;
    for (int fd = 3; fd < 64; ++fd) {
        char target[256];
        std::string path = directory + "/" + std::to_string(fd);
        ssize_t length = ::readlink(path.c_str(), target, sizeof target);
        if (length > 0) beyond_stdio.emplace_back(target, static_cast<std::size_t>(length));
    }
    ::close(leaked);
    launched->dir.unlock();
    auto started = start(global(), id_);
    if (!started.ok()) kill_and_reap(launched->init);
    ASSERT_TRUE(started.ok()) << started.error().text();
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(launched->init.get()), &info, WEXITED);
    EXPECT_EQ(info.si_status, 0);
    ASSERT_TRUE(launched->dir.lock(10'000).ok());
    EXPECT_TRUE(destroy(global(), launched->dir, launched->state).ok());
    for (const std::string& target : beyond_stdio)
        EXPECT_TRUE(target.starts_with("socket:") || target.starts_with("/memfd:urc")) << target;
    // The channel may be there for a moment after its last message.
    EXPECT_GE(beyond_stdio.size(), 2u);
    EXPECT_LE(beyond_stdio.size(), 3u);
}

}  // namespace
}  // namespace urc
