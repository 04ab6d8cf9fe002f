#include "bench/verbs.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "bench/bundle.h"
#include "uring/file.h"

namespace urc::bench {
namespace {

// A runtime that does nothing: `create` writes a pid file, `exec` is the stamp itself.
class Verbs : public ::testing::Test {
protected:
    Result<std::vector<Report>> run(const std::string& start, unsigned runs = 3) {
        auto directory = TempDirectory::create();
        if (!directory) return std::move(directory).error();
        const std::string path = directory->path() + "/runtime";
        const std::string script =
            "#!/bin/sh\n[ $1 = --version ] && echo stub 1 && exit\nshift 2\ncase $1 in\n"
            "create) shift; while [ $1 != --pid-file ]; do shift; done; printf 999999999 >$2 ;;\n"
            "start) " +
            start + " ;;\nexec) exec " URC_STAMP " ;;\nesac\n";
        auto file = open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT, 0755);
        if (!file) return std::move(file).error();
        URC_TRY_VOID(write_all(file->get(), script, path));
        file->reset();
        StartOptions options;
        options.runtimes = {{"stub", path}};
        options.stamp = URC_STAMP;
        options.runs = runs;
        options.warm_up = 1;
        options.gap_ms = 0;
        return run_verbs(options);
    }
};

TEST_F(Verbs, GiveAReportEachWithARowOfEveryRuntime) {
    auto reports = run("exit 0");
    ASSERT_TRUE(reports.ok()) << reports.error().text();
    ASSERT_EQ(reports->size(), 5U);
    for (const Report& report : *reports) {
        ASSERT_EQ(report.rows.size(), 1U) << report.subcommand;
        const Row& row = report.rows.front();
        EXPECT_EQ(row.version, "stub 1");
        EXPECT_EQ(row.runs, 3U) << report.subcommand;
        EXPECT_EQ(row.failures, 0U) << report.subcommand << ": " << row.first_failure;
        EXPECT_EQ(row.wall.count(), 3U);
    }
    EXPECT_LT(reports->back().rows.front().start.median(), reports->back().rows.front().wall.median());
}

TEST_F(Verbs, TheLifeIsLongerThanTheLongestCall) {
    auto reports = run("exec sleep 0.05");
    ASSERT_TRUE(reports.ok()) << reports.error().text();
    EXPECT_GE((*reports)[1].rows.front().wall.median(), 50'000'000U);
    EXPECT_GT((*reports)[3].rows.front().wall.median(), (*reports)[1].rows.front().wall.median());
}

TEST_F(Verbs, AFailingCallCountsAsFailedFromThereOn) {
    auto reports = run("echo broken >&2; exit 4", 2);
    ASSERT_TRUE(reports.ok()) << reports.error().text();
    EXPECT_EQ((*reports)[0].rows.front().failures, 0U);
    for (std::size_t verb : {1U, 2U, 3U}) {
        EXPECT_EQ((*reports)[verb].rows.front().failures, 2U);
        EXPECT_EQ((*reports)[verb].rows.front().first_failure, "status 4: broken");
    }
    EXPECT_EQ((*reports)[4].rows.front().failures, 0U);
}

}  // namespace
}  // namespace urc::bench
