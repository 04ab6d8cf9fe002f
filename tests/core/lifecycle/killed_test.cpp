// A creator that is killed (SIGKILL: no undo runs) at any moment. Its init dies by itself, and what it made
// is known: after `delete --force` nothing is left.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "container_test.h"
#include "core/child/launch.h"
#include "core/lifecycle/exec.h"
#include "core/lifecycle/launch.h"
#include "uring/file.h"

namespace urc {
namespace {

class KilledTest : public testing::ContainerTest {
protected:
    void SetUp() override {
        ContainerTest::SetUp();
        if (directory_.empty()) return;
        write_config({"/bin/sleep", "1000"});
        // What loses its parent becomes our child, so that its end can be waited for.
        ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    }
    void TearDown() override {
        ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
        ContainerTest::TearDown();
    }

    // A process that does `work` and exits with 0.
    static pid_t begin(const std::function<void()>& work) {
        pid_t pid = ::fork();
        if (pid != 0) return pid;
        work();
        ::_exit(0);
    }
    void create_by(StartedBy started_by, const child::StepHook& hook = {}) {
        auto launched = launch(global(), options(), started_by, hook);
        if (!launched.ok()) ::_exit(1);
    }
    // Reaps all children, who are about to end; false when one is still there after 5 s.
    static bool all_have_ended() {
        for (int tries = 0; tries < 5'000; ++tries) {
            siginfo_t info{};
            while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) info = {};
            if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD) return true;
            (void)::poll(nullptr, 0, 1);
        }
        return false;
    }
    void expect_removable() {
        EXPECT_TRUE(all_have_ended()) << "a process of the container is still there";
        auto removed = remove(global(), id_, {.force = true});
        EXPECT_TRUE(removed.ok()) << removed.error().text();
        EXPECT_EQ(leftovers(), "");
    }
};

TEST_F(KilledTest, LeavesNothingBehindAtAnyStep) {
    for (StartedBy started_by : {StartedBy::channel, StartedBy::socket}) {
        for (std::string_view step : launch_step_names()) {
            SCOPED_TRACE(step);
            // The hook is also the child's; there it finds no step of that name, or is not the creator.
            pid_t pid = begin([&] {
                const pid_t creator = ::getpid();
                create_by(started_by, [&](std::string_view name) -> Result<void> {
                    if (name == step && ::getpid() == creator) ::raise(SIGKILL);
                    return {};
                });
            });
            int status = 0;
            ASSERT_EQ(::waitpid(pid, &status, 0), pid);
            ASSERT_TRUE(WIFSIGNALED(status)) << status;
            expect_removable();
        }
    }
}

// The child hangs, as in a mount of a dead server or a hook without end.
TEST_F(KilledTest, TakesAChildAlongThatHangsInAStep) {
    for (std::string_view step : child::step_names()) {
        if (step == "session") continue;  // which ties it to its creator
        if (step == "stdio") break;       // the one before has closed the pipe
        SCOPED_TRACE(step);
        int ends[2];
        ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        Fd news(ends[0]), teller(ends[1]);
        pid_t pid = begin([&] {
            create_by(StartedBy::socket, [&, in_parent = ::getpid()](std::string_view name) -> Result<void> {
                if (name != step || ::getpid() == in_parent) return {};
                (void)!::write(teller.get(), "x", 1);
                for (;;) ::pause();
            });
        });
        teller.reset();
        char byte;
        ASSERT_EQ(::read(news.get(), &byte, 1), 1);
        news.reset();
        ::kill(pid, SIGKILL);
        expect_removable();
    }
}

// Every system call is the last one once, by ptrace(2).
TEST_F(KilledTest, LeavesNothingBehindAtAnySystemCall) {
    constexpr int kCallsMax = 2'000;
    bool has_survived = false;
    for (int calls = 1; !has_survived && calls < kCallsMax; calls += 3) {
        SCOPED_TRACE(calls);
        pid_t pid = begin([&] {
            ::ptrace(PTRACE_TRACEME, 0, 0, 0);
            ::raise(SIGSTOP);
            create_by(StartedBy::socket);
        });
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status)) GTEST_SKIP() << "no ptrace here";
        for (int call = 0; call < calls && WIFSTOPPED(status); ++call) {
            ASSERT_EQ(::ptrace(PTRACE_SYSCALL, pid, 0, 0), 0);
            ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        }
        has_survived = WIFEXITED(status);
        if (has_survived) {
            EXPECT_EQ(WEXITSTATUS(status), 0);
            EXPECT_TRUE(remove(global(), id_, {.force = true}).ok());
        } else {
            ::kill(pid, SIGKILL);
            ASSERT_EQ(::waitpid(pid, &status, 0), pid);
            // In its last calls it has said that all is done; then the container is there as it should be.
            auto removed = remove(global(), id_, {.force = true});
            EXPECT_TRUE(removed.ok()) << removed.error().text();
        }
        EXPECT_TRUE(all_have_ended()) << "a process of the container is still there";
        EXPECT_EQ(leftovers(), "");
    }
    EXPECT_TRUE(has_survived);
}

TEST_F(KilledTest, IsToldByListAndState) {
    pid_t pid = begin([&] {
        create_by(StartedBy::socket, [](std::string_view name) -> Result<void> {
            if (name == "limit cgroup") ::raise(SIGKILL);
            return {};
        });
    });
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    EXPECT_TRUE(all_have_ended());
    auto views = list(global());
    ASSERT_TRUE(views.ok()) << views.error().text();
    ASSERT_EQ(views->size(), 1u);
    EXPECT_EQ(views->front().status, Status::stopped);
    EXPECT_EQ(views->front().bundle, bundle_);
    EXPECT_EQ(views->front().pid, 0);
    auto view = state(global(), id_);
    ASSERT_TRUE(view.ok()) << view.error().text();
    EXPECT_EQ(view->status, Status::stopped);
    auto again = launch(global(), options(), StartedBy::socket);
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().text(), "container with given ID already exists");
    auto killed = kill(global(), id_, {.signal = SIGKILL});
    ASSERT_FALSE(killed.ok());
    EXPECT_EQ(killed.error().text(), "container not running");
    // It has stopped, so no force is needed.
    auto removed = remove(global(), id_, {});
    EXPECT_TRUE(removed.ok()) << removed.error().text();
}

// What was there before belongs to somebody else.
TEST_F(KilledTest, LeavesAnothersCgroupAlone) {
    write_config({"/bin/sleep", "1000"}, "\"cgroupsPath\":\"/" + id_ + "/shared\",");
    auto first = options();
    auto launched = launch(global(), first, StartedBy::socket);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    launched->dir.unlock();
    CreateOptions second = options();
    second.id = id_ + "-second";
    pid_t pid = begin([&] {
        auto never = launch(global(), second, StartedBy::socket, [](std::string_view name) -> Result<void> {
            if (name == "make cgroup") ::raise(SIGKILL);
            return {};
        });
    });
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    auto removed = remove(global(), second.id, {.force = true});
    EXPECT_TRUE(removed.ok()) << removed.error().text();
    auto view = state(global(), id_);
    ASSERT_TRUE(view.ok());
    EXPECT_EQ(view->status, Status::created);
    removed = remove(global(), id_, {.force = true});
    EXPECT_TRUE(removed.ok()) << removed.error().text();
    launched = Error(ECANCELED, "closed");
    EXPECT_TRUE(all_have_ended());
}

// An exec that has said its last word to a frozen process, and is gone when that is thawed.
TEST_F(KilledTest, AnExecIntoAFrozenContainerIsNotDoneLater) {
    auto launched = launch(global(), options(), StartedBy::channel);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    ASSERT_TRUE(release(global(), *launched).ok());
    launched->dir.unlock();
    ASSERT_TRUE(pause(global(), id_).ok());
    ExecOptions exec_options;
    exec_options.id = id_;
    exec_options.args = {"/bin/sh", "-c", "echo > /ran"};
    exec_options.ignore_paused = true;
    pid_t pid = begin([&] { (void)start_exec(global(), exec_options); });
    // Asleep for some time: in the wait for what does not come.
    for (int asleep = 0, tries = 0; asleep < 50 && tries < 5'000; ++tries) {
        auto stat = read_process_stat(pid);
        ASSERT_TRUE(stat.ok());
        asleep = stat->state == 'S' ? asleep + 1 : 0;
        (void)::poll(nullptr, 0, 1);
    }
    ASSERT_EQ(::waitpid(pid, nullptr, WNOHANG), 0) << "it did not wait";
    // It is gone before anything moves again; otherwise its child may get as far as a clone of its own.
    ::kill(pid, SIGKILL);
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
    EXPECT_TRUE(resume(global(), id_).ok());
    // The process that it has left to us; the init is the one that stays.
    int ended = 0;
    for (int tries = 0; tries < 5'000 && ended < 1; ++tries) {
        if (::waitpid(-1, nullptr, WNOHANG) > 0) ++ended;
        (void)::poll(nullptr, 0, 1);
    }
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(pids(global(), id_)->size(), 1u);
    EXPECT_NE(::access((bundle_ + "/rootfs/ran").c_str(), F_OK), 0) << "it ran";
    auto removed = remove(global(), id_, {.force = true});
    EXPECT_TRUE(removed.ok()) << removed.error().text();
    launched = Error(ECANCELED, "closed");
    EXPECT_TRUE(all_have_ended());
}

// ulimit -f 0: the write fails instead of killing us, and everything is undone.
TEST_F(KilledTest, IsNotKilledByTheLimitOnFiles) {
    pid_t pid = begin([&] {
        (void)std::signal(SIGXFSZ, SIG_IGN);  // as cli does
        rlimit none{0, 0};
        ::setrlimit(RLIMIT_FSIZE, &none);
        auto launched = launch(global(), options(), StartedBy::socket);
        ::_exit(!launched.ok() && launched.error().code() == EFBIG &&
                        leftovers().find(id_) == std::string::npos
                    ? 7
                    : 1);
    });
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
}

}  // namespace
}  // namespace urc
