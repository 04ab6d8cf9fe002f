#include "bench/runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace urc::bench {
namespace {

Command shell(const std::string& script) {
    return {{"/bin/sh", "-c", script}, {}};
}

TEST(RunOnce, TimesTheStampInsideTheRun) {
    const Outcome outcome = run_once({{URC_STAMP}, {}});
    ASSERT_TRUE(outcome.ok()) << outcome.failure;
    EXPECT_GT(outcome.start_ns, 0U);
    EXPECT_LT(outcome.start_ns, outcome.wall_ns);
}

TEST(RunOnce, CountsAStatusAsFailureAndShowsTheLastLineOfErrors) {
    EXPECT_EQ(run_once(shell("echo one >&2; echo two >&2; exit 3")).failure, "status 3: two");
}

TEST(RunOnce, CountsASignalAsFailure) {
    EXPECT_EQ(run_once(shell("kill -KILL $$")).failure, "signal 9");
}

TEST(RunOnce, CountsAMissingStampAsFailure) {
    EXPECT_EQ(run_once(shell("echo hello")).failure, "no stamp from the container");
    EXPECT_EQ(run_once(shell("true")).failure, "no stamp from the container");
}

TEST(RunOnce, CountsAStampOutsideOfTheRunAsFailure) {
    EXPECT_EQ(run_once(shell("printf '\\1\\0\\0\\0\\0\\0\\0\\0'")).failure,
              "the stamp is outside of the run");
}

TEST(RunOnce, CountsAProgramThatCannotBeStartedAsFailure) {
    const Outcome outcome = run_once({{"/nonexistent/runtime"}, {}});
    EXPECT_EQ(outcome.failure, "spawn: /nonexistent/runtime: No such file or directory");
}

TEST(RunOnce, KillsAProgramThatDoesNotEndInTime) {
    EXPECT_EQ(run_once(shell("exec cat /dev/zero >/dev/null"), 20).failure, "killed: no end in time");
}

TEST(RunForOutput, GivesTheTextAndTheExtraEnvironment) {
    auto output = run_for_output({{"/bin/sh", "-c", "echo $COLOUR"}, {"COLOUR=green"}});
    ASSERT_TRUE(output.ok());
    EXPECT_EQ(*output, "green\n");
    EXPECT_FALSE(run_for_output(shell("exit 1")).ok());
}

TEST(RunInFlight, StartsEachOnceAndReportsEachOnceWhateverTheOrder) {
    std::map<unsigned, int> started, ended;
    unsigned running = 0, most = 0;
    const auto next = [&](unsigned index) {
        ++started[index];
        most = std::max(most, ++running);
        return index == 4 ? shell("exit 1") : Command{{URC_STAMP}, {}};
    };
    const auto done = [&](unsigned index, const Outcome& outcome) {
        ++ended[index];
        --running;
        EXPECT_EQ(outcome.ok(), index != 4) << outcome.failure;
    };
    EXPECT_GT(run_in_flight(20, 3, next, done), 0U);
    EXPECT_EQ(started.size(), 20U);
    EXPECT_EQ(started, ended);
    EXPECT_EQ(most, 3U);
    EXPECT_EQ(running, 0U);
}

TEST(RunInFlight, GoesOnWhenAProgramCannotBeStarted) {
    unsigned failures = 0;
    run_in_flight(
        3, 2,
        [](unsigned) {
            return Command{{"/nonexistent"}, {}};
        },
        [&](unsigned, const Outcome& outcome) { failures += outcome.ok() ? 0 : 1; });
    EXPECT_EQ(failures, 3U);
}

}  // namespace
}  // namespace urc::bench
