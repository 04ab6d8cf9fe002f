#include "bench/relay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bench/bundle.h"
#include "bench/notify.h"
#include "uring/file.h"

namespace urc::bench {
namespace {

// A urc without containers: `run -d` leaves a shell behind that relays what the bundle's program says through
// `relay` into the log, `run` is the program itself, `state` names the shell.
std::string stub(const std::string& relay) {
    return "#!/bin/sh\n"
           "[ $1 = --version ] && echo stub 1 && exit\n"
           "root=$2; shift 2; verb=$1; shift; mkdir -p $root\n"
           "while [ $# -gt 1 ]; do case $1 in path=*) log=${1#path=};; --bundle) bundle=$2; shift;; esac; "
           "shift; done\n"
           "id=$1\n"
           "words() { rootfs=$(dirname $bundle)/bundle/rootfs\n"
           "  sed 's/.*\"args\":\\[\\([^]]*\\)\\].*/\\1/; s/\"//g; s/,/ /g; s,/bin/,'$rootfs'&,; "
           "s,/signals,'$rootfs'&,'"
           " $bundle/config.json; }\n"
           "case $verb in\n"
           "run) if [ -z \"$log\" ]; then exec $(words); fi\n"
           "  { $(words) | { " +
           relay +
           "; } >$log; } </dev/null >/dev/null 2>&1 &\n"
           "  echo $! >$root/$id ;;\n"
           "state) echo '{\"monitorPid\": '$(cat $root/$id)'}' ;;\n"
           "delete) rm $root/$id ;;\n"
           "esac\n";
}

class Relay : public ::testing::Test {
protected:
    void SetUp() override {
        auto directory = TempDirectory::create();
        ASSERT_TRUE(directory.ok());
        directory_.emplace(std::move(*directory));
        options_.stamp = URC_STAMP;
        options_.lines = URC_LINES;
        options_.copy = URC_COPY;
        options_.log = {.count = 3000, .size = 50, .has_terminal = false};
        options_.runs = 2;
        options_.warm_up = 0;
        options_.settle_ms = 1;
        options_.timeout_ms = 20'000;
    }

    std::string urc(const std::string& relay) {
        const std::string path = directory_->path() + "/urc";
        auto file = open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0755);
        if (!file.ok() || !write_all(file->get(), stub(relay), path).ok()) return {};
        return path;
    }

    // Those that are left over: of the harness itself, and what came to it as the subreaper.
    static std::string children() {
        const std::string path = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
        auto text = read_file_at(AT_FDCWD, path.c_str());
        return text.ok() ? *text : "?";
    }

    std::optional<TempDirectory> directory_;
    RelayOptions options_;
};

TEST_F(Relay, TheRowsWithoutAContainerAreMeasuredAndTheirLogsAreRight) {
    options_.is_bare = true;
    auto report = run_relay(options_);
    ASSERT_TRUE(report.ok()) << report.error().text();
    ASSERT_EQ(report->rows.size(), 2U);
    for (const Row& row : report->rows) {
        EXPECT_EQ(row.runs, 2U);
        EXPECT_EQ(row.failures, 0U) << row.name << ": " << row.first_failure;
        EXPECT_EQ(row.figures[0].values.size(), 2U) << row.name;
    }
    // A file has no monitor, so it has no CPU and no memory.
    EXPECT_EQ(report->rows[0].name, "file");
    EXPECT_TRUE(report->rows[0].figures[3].values.empty());
    EXPECT_EQ(report->rows[1].name, "copy");
    EXPECT_EQ(report->rows[1].figures[3].values.size(), 2U);
    EXPECT_EQ(children(), "");
}

TEST_F(Relay, ConmonRelaysWithoutAContainer) {
    if (::access("/usr/bin/conmon", X_OK) != 0) GTEST_SKIP() << "conmon is not installed";
    options_.is_bare = true;
    options_.conmon = "/usr/bin/conmon";
    options_.containers = 3;
    options_.log.size = 20'000;  // longer than conmon's buffer: partial records
    options_.log.count = 20;
    auto report = run_relay(options_);
    ASSERT_TRUE(report.ok()) << report.error().text();
    ASSERT_EQ(report->rows.size(), 3U);
    const Row& row = report->rows[2];
    EXPECT_EQ(row.name, "conmon/bare");
    EXPECT_EQ(row.failures, 0U) << row.first_failure;
    for (const Figure& figure : row.figures) EXPECT_EQ(figure.values.size(), 2U) << figure.name;
    EXPECT_GT(row.figures[7].median(), 0) << "private memory while idle";
    EXPECT_EQ(children(), "");
}

TEST_F(Relay, UrcsContractIsKept) {
    options_.urc = urc("sed -u 's/^/2026-01-02T03:04:05.000000001+00:00 stdout F /'");
    options_.drivers = {"k8s-file"};
    options_.containers = 2;
    auto report = run_relay(options_);
    ASSERT_TRUE(report.ok()) << report.error().text();
    ASSERT_EQ(report->rows.size(), 1U);
    const Row& row = report->rows[0];
    EXPECT_EQ(row.name, "urc k8s-file");
    EXPECT_EQ(row.version, "stub 1");
    EXPECT_EQ(row.failures, 0U) << row.first_failure;
    for (const Figure& figure : row.figures) EXPECT_EQ(figure.values.size(), 2U) << figure.name;
    EXPECT_EQ(children(), "");
}

TEST_F(Relay, ALostLineIsAFailureAndNotATime) {
    options_.urc = urc("sed -u 17d");
    options_.drivers = {"raw-file"};
    auto report = run_relay(options_);
    ASSERT_TRUE(report.ok()) << report.error().text();
    const Row& row = report->rows[0];
    EXPECT_EQ(row.failures, 2U);
    EXPECT_EQ(row.first_failure, "log: line 17 stands where line 16 should be");
    for (const Figure& figure : row.figures) EXPECT_TRUE(figure.values.empty()) << figure.name;
    EXPECT_EQ(children(), "");
}

TEST_F(Relay, ALogThatNeverEndsIsAFailureAndLeavesNoProcess) {
    options_.urc = urc("sed -u '$d'");
    options_.drivers = {"raw-file"};
    options_.runs = 1;
    options_.log.count = 20;
    options_.timeout_ms = 3000;
    auto report = run_relay(options_);
    ASSERT_TRUE(report.ok()) << report.error().text();
    EXPECT_EQ(report->rows[0].failures, 1U);
    EXPECT_NE(report->rows[0].first_failure.find("the last line is not in the log"), std::string::npos)
        << report->rows[0].first_failure;
}

TEST_F(Relay, AMonitorThatCannotBeStartedIsAFailure) {
    options_.urc = directory_->path() + "/nothing";
    options_.runs = 1;
    auto report = run_relay(options_);
    ASSERT_TRUE(report.ok()) << report.error().text();
    ASSERT_EQ(report->rows.size(), 2U);
    EXPECT_EQ(report->rows[0].failures, 1U);
    EXPECT_EQ(report->rows[0].first_failure,
              "run -d: spawn: " + options_.urc + ": No such file or directory");
}

TEST_F(Relay, OneLineAWriteAtAPaceTakesItsTime) {
    options_.is_bare = true;
    options_.is_block = false;
    options_.per_s = 100;
    options_.log.count = 21;
    options_.runs = 1;
    auto report = run_relay(options_);
    ASSERT_TRUE(report.ok()) << report.error().text();
    for (const Row& row : report->rows) {
        EXPECT_EQ(row.failures, 0U) << row.first_failure;
        EXPECT_GE(row.figures[0].median(), 0.2) << row.name;
    }
}

TEST_F(Relay, NothingToMeasureIsAnError) {
    EXPECT_FALSE(run_relay(options_).ok());
}

class Notify : public Relay {
protected:
    void SetUp() override {
        Relay::SetUp();
        notify_.stamp = URC_STAMP;
        notify_.blast = URC_BLAST;
        notify_.burst = 500;
        notify_.singles = 20;
        notify_.gap_us = 100;
        notify_.runs = 2;
        notify_.warm_up = 0;
    }
    NotifyOptions notify_;
};

TEST_F(Notify, BothRowsReceiveEveryDatagramInOrder) {
    notify_.urc = urc("cat");
    auto report = run_notify(notify_);
    ASSERT_TRUE(report.ok()) << report.error().text();
    ASSERT_EQ(report->rows.size(), 2U);
    for (const Row& row : report->rows) {
        EXPECT_EQ(row.failures, 0U) << row.name << ": " << row.first_failure;
        EXPECT_EQ(row.figures[1].values, (std::vector<double>{500, 500})) << row.name;
        EXPECT_EQ(row.figures[2].values, (std::vector<double>{0, 0})) << row.name;
        EXPECT_EQ(row.figures[4].values, (std::vector<double>{20, 20})) << row.name;
        EXPECT_GT(row.figures[5].median(), 0) << row.name;
        EXPECT_GE(row.figures[6].median(), row.figures[5].median()) << row.name;
    }
    EXPECT_EQ(report->rows[0].name, "direct");
    EXPECT_TRUE(report->rows[0].figures[3].values.empty());
    EXPECT_EQ(report->rows[1].name, "urc");
    EXPECT_EQ(report->rows[1].figures[3].values.size(), 2U);
    EXPECT_EQ(children(), "");
}

TEST_F(Notify, AProgramThatFailsIsAFailure) {
    notify_.urc = urc("cat");
    notify_.blast = "/bin/false";
    notify_.runs = 1;
    notify_.timeout_ms = 300;
    auto report = run_notify(notify_);
    ASSERT_TRUE(report.ok()) << report.error().text();
    EXPECT_EQ(report->rows[0].failures, 1U);
    EXPECT_EQ(report->rows[0].first_failure, "0 of 1 programs said 'u' in time");
    EXPECT_EQ(children(), "");
}

}  // namespace
}  // namespace urc::bench
