// exec into a container that runs: every step is made to fail, and nothing may be left but the container.
#include "core/lifecycle/exec.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

#include "container_test.h"
#include "core/cgroup/cgroup.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/launch.h"
#include "uring/file.h"

namespace urc {
namespace {

class ExecTest : public testing::ContainerTest {
protected:
    // A container that waits for its end. Everything about it is gone when the test is over.
    void start_container() {
        auto launched = launch(global(), options(), StartedBy::channel);
        ASSERT_TRUE(launched.ok()) << launched.error().text();
        container_.emplace(std::move(*launched));
        auto released = release(global(), *container_);
        ASSERT_TRUE(released.ok()) << released.error().text();
        container_->dir.unlock();
    }
    void TearDown() override {
        if (container_) {
            kill_and_reap(container_->init);
            if (::access((root_ + "/" + id_).c_str(), F_OK) == 0) {
                EXPECT_TRUE(container_->dir.lock(10'000).ok());
                EXPECT_TRUE(destroy(global(), container_->dir, container_->state).ok());
            }
            container_.reset();
        }
        ContainerTest::TearDown();
    }
    ExecOptions exec_options(std::vector<std::string> args) const {
        ExecOptions options;
        options.id = id_;
        options.args = std::move(args);
        options.pid_file = directory_ + "/pid";
        return options;
    }
    int finish(const Executed& process) {
        siginfo_t info{};
        ::waitid(P_PIDFD, static_cast<id_t>(process.process.get()), &info, WEXITED);
        return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    }
    std::size_t count_fds() const {
        auto fds = std::filesystem::directory_iterator("/proc/self/fd");
        return static_cast<std::size_t>(std::distance(begin(fds), end(fds)));
    }
    // What an exec that failed has left beside the container; empty when nothing.
    std::string leftovers_of_exec() const {
        std::string found;
        for (const auto& entry : std::filesystem::directory_iterator(directory_))
            if (entry.path().filename() != "bundle" && entry.path().filename() != "root")
                found += entry.path().filename().string() + "; ";
        auto group = cgroup::Cgroup::open(
            {.paths = container_->state.cgroup_paths, .made = container_->state.cgroups_made}, false);
        auto pids = group.ok() ? group->pids() : Result<std::vector<pid_t>>(std::move(group).error());
        if (!pids.ok() || pids->size() != 1) found += "processes in the cgroup; ";
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0)
            found += "a child that nobody waited for; ";
        return found;
    }
    void fail_at(std::string_view failing, const ExecOptions& options) {
        const std::size_t fds = count_fds();
        child::StepHook hook = [failing](std::string_view step) -> Result<void> {
            if (step == failing) return Error(EIO, "injected at", step);
            return {};
        };
        auto started = start_exec(global(), options, hook);
        ASSERT_FALSE(started.ok()) << failing;
        EXPECT_EQ(started.error().text(), "injected at: " + std::string(failing) + ": Input/output error");
        EXPECT_EQ(leftovers_of_exec(), "") << "after failing at " << failing;
        EXPECT_EQ(count_fds(), fds) << "after failing at " << failing;
    }
    void put_into_user_namespace() {
        auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
        ASSERT_TRUE(text.ok());
        std::string config = *text;
        config.replace(config.find("{\"type\":\"pid\"}"), 0, "{\"type\":\"user\"},");
        config.replace(config.find("\"resources\""), 0,
                       R"("uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],)"
                       R"("gidMappings":[{"containerID":0,"hostID":100000,"size":65536}],)");
        config.replace(config.find("\"oomScoreAdj\":100,"), 18, "");
        write_file(bundle_ + "/config.json", config);
        for (const auto& entry : std::filesystem::recursive_directory_iterator(bundle_ + "/rootfs"))
            ASSERT_EQ(::lchown(entry.path().c_str(), 100000, 100000), 0);
    }
    std::optional<Launched> container_;
};

TEST_F(ExecTest, RunsTheProgramInTheContainer) {
    write_config({"/bin/sleep", "1000"});
    start_container();
    ExecOptions options = exec_options({"sh", "-c", "test -e /proc/1/cmdline && test $(id -u) = 0; exit 7"});
    auto started = start_exec(global(), options);
    ASSERT_TRUE(started.ok()) << started.error().text();
    auto pid = read_file_at(AT_FDCWD, options.pid_file.c_str());
    EXPECT_EQ(finish(*started), 7);
    ASSERT_TRUE(pid.ok());
    EXPECT_EQ(*pid, std::to_string(started->pid));
}

TEST_F(ExecTest, LeavesNothingWhicheverStepFails) {
    write_config({"/bin/sleep", "1000"});
    start_container();
    std::set<std::string_view> seen;
    child::StepHook hook = [&](std::string_view step) -> Result<void> {
        seen.insert(step);
        return {};
    };
    ExecOptions options = exec_options({"sleep", "1000"});
    auto started = start_exec(global(), options, hook);
    ASSERT_TRUE(started.ok()) << started.error().text();
    kill_and_reap(started->process);
    ::unlink(options.pid_file.c_str());
    for (std::string_view step : exec_parent_step_names()) EXPECT_TRUE(seen.contains(step)) << step;

    for (std::string_view step : exec_parent_step_names()) fail_at(step, options);
    for (std::string_view step : child::exec_step_names()) fail_at(step, options);
    // With a terminal the parent waits in between.
    options.tty = true;
    for (std::string_view step : child::exec_step_names()) fail_at(step, options);
}

TEST_F(ExecTest, LeavesNothingInAUserNamespaceEither) {
    write_config({"/bin/sleep", "1000"});
    put_into_user_namespace();
    start_container();
    ExecOptions options = exec_options({"/bin/true"});
    auto started = start_exec(global(), options);
    ASSERT_TRUE(started.ok()) << started.error().text();
    EXPECT_EQ(finish(*started), 0);
    ::unlink(options.pid_file.c_str());
    for (std::string_view step : exec_parent_step_names()) fail_at(step, options);
    for (std::string_view step : child::exec_step_names()) fail_at(step, options);
}

TEST_F(ExecTest, LeavesNothingWhenTheChildIsKilled) {
    write_config({"/bin/sleep", "1000"});
    start_container();
    for (std::string_view victim : child::exec_step_names()) {
        child::StepHook hook = [victim](std::string_view step) -> Result<void> {
            if (step == victim) ::_exit(1);
            return {};
        };
        auto started = start_exec(global(), exec_options({"/bin/true"}), hook);
        ASSERT_FALSE(started.ok());
        EXPECT_EQ(started.error().text(), "the container's process died before it was set up");
        EXPECT_EQ(leftovers_of_exec(), "") << "after dying at " << victim;
    }
}

// The container is taken away at every moment of an exec.
TEST_F(ExecTest, TellsThatTheContainerHasEndedMeanwhile) {
    std::vector<std::string_view> steps = exec_parent_step_names();
    steps.pop_back();            // by then the program has run
    steps.erase(steps.begin());  // before that nothing is known of it
    bool is_spawned = false;
    for (std::string_view moment : steps) {
        write_config({"/bin/sleep", "1000"});
        start_container();
        child::StepHook hook = [&](std::string_view step) -> Result<void> {
            if (step != moment) return {};
            auto killed = kill(global(), id_, {.signal = SIGKILL});
            EXPECT_TRUE(killed.ok()) << killed.error().text();
            // Either the init has ended, or it waits for the child, which we have to reap.
            siginfo_t info{};
            ::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
            // While the stage is at work, which is in no namespace of the container's, it may be either.
            if (moment != "await ready") {
                EXPECT_EQ(info.si_pid == container_->state.init.pid, !is_spawned) << moment;
            }
            return {};
        };
        {  // it holds descriptors of the process
            auto started = start_exec(global(), exec_options({"/bin/true"}), hook);
            std::string text = started.ok() ? "" : started.error().text();
            // What waitid saw then may have been the end of the stage. Its clone gets the last word and is
            // killed after that, which looks as if the program had been.
            if (moment == "await ready" && started.ok()) {
                kill_and_reap(started->process);
            } else {
                EXPECT_EQ(text, "cannot exec in a stopped container") << moment;
            }
        }
        is_spawned = is_spawned || moment == "await ready";
        kill_and_reap(container_->init);
        EXPECT_TRUE(remove(global(), id_, {.force = true}).ok());
        container_.reset();
        EXPECT_EQ(leftovers(), "") << moment;
    }
}

// Another process does it, as `delete --force` would.
TEST_F(ExecTest, DeleteForceEndsIt) {
    write_config({"/bin/sleep", "1000"});
    start_container();
    auto started = start_exec(global(), exec_options({"sleep", "1000"}));
    ASSERT_TRUE(started.ok()) << started.error().text();
    pid_t deleter = ::fork();
    if (deleter == 0) ::_exit(remove(global(), id_, {.force = true}).ok() ? 0 : 1);
    EXPECT_EQ(finish(*started), 128 + SIGKILL);
    kill_and_reap(container_->init);
    int status = -1;
    EXPECT_EQ(::waitpid(deleter, &status, 0), deleter);
    EXPECT_EQ(status, 0);
}

// Whoever is in the container sees the process from its first moment, and must not get at what it holds.
TEST_F(ExecTest, CVE_2016_9962_IsNotDumpableAtAnyStep) {
    for (bool is_in_user_namespace : {false, true}) {
        write_config({"/bin/sleep", "1000"});
        if (is_in_user_namespace) put_into_user_namespace();
        start_container();
        child::StepHook hook = [](std::string_view step) -> Result<void> {
            auto parents = exec_parent_step_names();
            if (std::find(parents.begin(), parents.end(), step) != parents.end()) return {};
            if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return Error(EPERM, "dumpable at", step);
            return {};
        };
        auto started = start_exec(global(), exec_options({"/bin/true"}), hook);
        ASSERT_TRUE(started.ok()) << started.error().text();
        EXPECT_EQ(finish(*started), 0);
        EXPECT_EQ(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1) << "we ourselves are as before";
        kill_and_reap(container_->init);
        ASSERT_TRUE(container_->dir.lock(10'000).ok());
        EXPECT_TRUE(destroy(global(), container_->dir, container_->state).ok());
        container_.reset();
    }
}

TEST_F(ExecTest, CVE_2024_21626_HoldsNothingOfOursWhenItGoesToItsDirectory) {
    write_config({"/bin/sleep", "1000"});
    start_container();
    int leaked = ::open("/", O_RDONLY);
    child::StepHook hook = [](std::string_view step) -> Result<void> {
        if (step != "user") return {};
        std::string found;
        for (int fd = 3; fd < 256; ++fd)
            if (::fcntl(fd, F_GETFD) >= 0) found += std::to_string(fd) + " ";
        // The channel, and nothing else.
        return std::count(found.begin(), found.end(), ' ') == 1 ? Result<void>{}
                                                                : Error(EMFILE, "holds", found);
    };
    auto started = start_exec(global(), exec_options({"/bin/true"}), hook);
    ::close(leaked);
    ASSERT_TRUE(started.ok()) << started.error().text();
    EXPECT_EQ(finish(*started), 0);
}

TEST_F(ExecTest, ItsChildrenAreOursAgainAfterwards) {
    write_config({"/bin/sleep", "1000"});
    start_container();
    auto started = start_exec(global(), exec_options({"/bin/true"}));
    ASSERT_TRUE(started.ok()) << started.error().text();
    EXPECT_EQ(finish(*started), 0);
    EXPECT_EQ(std::filesystem::read_symlink("/proc/self/ns/pid"),
              std::filesystem::read_symlink("/proc/self/ns/pid_for_children"));
}

}  // namespace
}  // namespace urc
