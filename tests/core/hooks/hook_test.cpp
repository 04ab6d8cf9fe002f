// What a hook is told, what its end means, and that running it leaves nothing of it.
#include "core/hooks/hook.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "core/hooks/process.h"
#include "uring/file.h"

namespace urc::hooks {
namespace {

using Strings = std::vector<std::string>;

std::size_t count_fds() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

class HookTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/urc-hook-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        directory_ = name;
        fds_ = count_fds();
    }
    void TearDown() override {
        EXPECT_EQ(count_fds(), fds_);
        siginfo_t info{};
        EXPECT_TRUE(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD);
        std::filesystem::remove_all(directory_);
    }

    static spec::Hook shell(const std::string& script) {
        return {
            .path = "/bin/sh", .args = {"sh", "-c", script}, .env = {"PATH=/bin:/usr/bin"}, .timeout_s = {}};
    }
    // The Error's text; empty when it went well.
    std::string run_one(const spec::Hook& hook, std::string_view document = "{}") {
        auto done = run_process({hook, document, directory_, {}});
        return done.ok() ? "" : done.error().text();
    }
    std::string written(const std::string& name) {
        auto text = read_file_at(AT_FDCWD, (directory_ + "/" + name).c_str(), 64u << 20);
        return text.ok() ? *text : "(no file)";
    }

    std::string directory_;
    std::size_t fds_ = 0;
};

TEST(StateDocument, IsPlainJsonOnOneLine) {
    const spec::StringMap annotations{{"a/b", "c\n\"d"}};
    EXPECT_EQ(
        state_document(Kind::create_runtime, {"c1", "/b/x", annotations, 42}),
        "{\"ociVersion\":\"1.2.1\",\"id\":\"c1\",\"status\":\"creating\",\"pid\":42,\"bundle\":\"/b/x\","
        "\"annotations\":{\"a/b\":\"c\\n\\\"d\"}}");
}

TEST(StateDocument, HasNoPidWithoutAProcess) {
    const spec::StringMap none;
    EXPECT_EQ(state_document(Kind::poststop, {"c1", "/b", none}),
              R"({"ociVersion":"1.2.1","id":"c1","status":"stopped","bundle":"/b"})");
}

TEST(StateDocument, HasTheStatusOfItsMoment) {
    const spec::StringMap none;
    for (auto [kind, status] : {std::pair{Kind::prestart, "created"},
                                {Kind::create_runtime, "creating"},
                                {Kind::create_container, "creating"},
                                {Kind::start_container, "created"},
                                {Kind::poststart, "running"},
                                {Kind::poststop, "stopped"}})
        EXPECT_NE(state_document(kind, {"c", "/", none, 1}).find(std::string("\"") + status + "\""),
                  std::string::npos)
            << status;
}

TEST_F(HookTest, ReadsTheDocumentInItsDirectoryWithItsEnvironmentOnly) {
    ::setenv("URC_HOOK_TEST", "leaked", 1);
    EXPECT_EQ(run_one(shell("cat >document; /usr/bin/env >environment; pwd >pwd"), "{\"x\":1}"), "");
    ::unsetenv("URC_HOOK_TEST");
    EXPECT_EQ(written("document"), "{\"x\":1}");
    EXPECT_EQ(written("pwd"), directory_ + "\n");
    EXPECT_EQ(written("environment").find("URC_HOOK_TEST"), std::string::npos);
}

TEST_F(HookTest, RunsInTheRootWhenItsDirectoryIsGone) {
    const std::string gone = directory_ + "/gone";
    auto done = run_process({shell("pwd >" + directory_ + "/pwd"), "{}", gone, {}});
    EXPECT_TRUE(done.ok()) << done.error().text();
    EXPECT_EQ(written("pwd"), "/\n");
}

TEST_F(HookTest, ADocumentBeyondThePipeArrivesWhole) {
    const std::string big(3 << 20, 'x');
    EXPECT_EQ(run_one(shell("cat >document"), big), "");
    EXPECT_EQ(written("document"), big);
}

TEST_F(HookTest, MayLeaveTheDocumentUnread) {
    const std::string big(3 << 20, 'x');
    for (const char* script : {"exit 0", "exec 0<&-; cat /dev/null", "head -c 10 >/dev/null"})
        EXPECT_EQ(run_one(shell(script), big), "") << script;
    // And nothing of it hits us afterwards, blocked or not: this process would be gone.
    sigset_t pipe, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    ::sigprocmask(SIG_BLOCK, &pipe, &before);
    EXPECT_EQ(run_one(shell("exit 0"), big), "");
    sigset_t pending;
    ::sigpending(&pending);
    EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(HookTest, TellsHowItEnded) {
    EXPECT_EQ(run_one(shell("exit 3")), "exit status 3");
    EXPECT_EQ(run_one(shell("echo first; echo last >&2; echo; exit 3")), "exit status 3: last");
    EXPECT_EQ(run_one(shell("printf 'a\\tb\\033[1m\\r\\n'; exit 1")), "exit status 1: a b [1m");
    EXPECT_EQ(run_one(shell("kill -KILL $$")), "killed by signal 9");
    EXPECT_EQ(run_one({.path = "/not/there", .args = {}, .env = {}, .timeout_s = {}}),
              "exec /not/there: no such file or directory");
    EXPECT_EQ(run_one({.path = directory_, .args = {}, .env = {}, .timeout_s = {}}),
              "exec " + directory_ + ": permission denied");
}

TEST_F(HookTest, OfALongOutputTheEndIsTold) {
    EXPECT_EQ(run_one(shell("yes | head -c 1000000; echo the end; exit 1")), "exit status 1: the end");
    const std::string told = run_one(shell("head -c 100000 /dev/zero | tr '\\0' x; exit 1"));
    EXPECT_EQ(told, "exit status 1: " + std::string(256, 'x'));
}

TEST_F(HookTest, IsKilledWithItsGroupWhenItsTimeIsOver) {
    spec::Hook hook = shell("trap '' TERM; mkfifo f; cat <f & echo $! >child; wait");
    hook.timeout_s = 1;
    EXPECT_EQ(run_one(hook), "timeout 1s exceeded");
    const pid_t child = std::atoi(written("child").c_str());
    ASSERT_GT(child, 0);
    // Killed, but reaped by somebody else: gone or a zombie, soon.
    bool is_gone = false;
    for (int tries = 0; tries < 10'000 && !is_gone; ++tries) {
        auto stat = read_file_at(AT_FDCWD, ("/proc/" + std::to_string(child) + "/stat").c_str());
        is_gone = !stat.ok() || stat->find(") Z") != std::string::npos;
        ::sched_yield();
    }
    EXPECT_TRUE(is_gone);
}

TEST_F(HookTest, ATimeoutCountsWhileTheHookKeepsTalking) {
    spec::Hook hook = shell("exec yes");
    hook.timeout_s = 1;
    EXPECT_EQ(run_one(hook), "timeout 1s exceeded");
}

TEST_F(HookTest, DoesNotWaitForWhatItLeavesBehind) {
    // The one left behind holds the output, and ends when we open its fifo.
    EXPECT_EQ(run_one(shell("mkfifo f; cat f & exit 0")), "");
    Fd fifo(::open((directory_ + "/f").c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_TRUE(fifo.is_open());
}

TEST_F(HookTest, HasNoSignalBlockedOrIgnored) {
    sigset_t all, before;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);
    const std::string problem = run_one(shell("grep -E '^Sig(Blk|Ign)' /proc/self/status >signals"));
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    EXPECT_EQ(problem, "");
    EXPECT_EQ(written("signals"), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(HookTest, TheFirstFailureEndsItsKindAndNamesItself) {
    const std::vector<spec::Hook> hooks{shell("echo a >>order"), shell("echo b >>order; exit 7"),
                                        shell("echo c >>order")};
    const spec::StringMap none;
    auto done = run(Kind::create_runtime, hooks, {"c1", directory_, none, 1});
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().text(), "error running createRuntime hook #1: exit status 7");
    EXPECT_EQ(done.error().code(), kHookFailed);
    EXPECT_EQ(written("order"), "a\nb\n");
}

TEST_F(HookTest, PoststopGoesOn) {
    const std::vector<spec::Hook> hooks{shell("echo a >>order; exit 7"), shell("echo b >>order")};
    const spec::StringMap none;
    run_poststop(Log(), hooks, {"c1", directory_, none});
    EXPECT_EQ(written("order"), "a\nb\n");
}

TEST_F(HookTest, AProcessThatTurnsIntoItInAnotherWayReportsToo) {
    const Become become = [](const spec::Hook& hook, const process::Channel& report) {
        (void)report.send_error(Error(EPERM, "become", hook.path));
    };
    auto done = run_process({shell("exit 0"), "{}", directory_, become});
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().text(), "become: /bin/sh: Operation not permitted");
}

}  // namespace
}  // namespace urc::hooks
