#include "bench/density.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bench/bundle.h"
#include "uring/file.h"

namespace urc::bench {
namespace {

// A "runtime" that has room for so many containers, and keeps a file for each.
class RoomFor {
public:
    explicit RoomFor(unsigned max) : directory_(std::move(*TempDirectory::create())) {
        const std::string script = fmt::format(
            "#!/bin/sh\nset -e\nfor id; do :; done\ncase $* in\n"
            "*' run '*) [ $(ls {0} | grep -c urc-bench) -lt {1} ] || {{ echo 'no room' >&2; exit 1; }}; "
            "touch {0}/$id ;;\n"
            "*' delete '*) rm {0}/$id ;;\nesac\n",
            directory_.path(), max);
        auto fd = open_at(AT_FDCWD, path().c_str(), O_WRONLY | O_CREAT | O_EXCL, 0755);
        EXPECT_TRUE(fd.ok());
        EXPECT_TRUE(write_all(fd->get(), script, path()).ok());
    }
    std::string path() const { return directory_.path() + "/runtime"; }

private:
    TempDirectory directory_;
};

Result<Report> crowd_of(const RoomFor& runtime, unsigned containers) {
    DensityOptions options;
    options.runtimes = {{"stub", runtime.path()}};
    options.stamp = URC_STAMP;
    options.containers = containers;
    options.settle_ms = 1;
    options.runs = 2;
    return run_density(options);
}

TEST(Density, CountsTheContainersAndEndsThem) {
    const RoomFor runtime(3);
    // Two rounds of three: the second fits only when the first has gone.
    auto report = crowd_of(runtime, 3);
    ASSERT_TRUE(report.ok()) << report.error().text();
    const Row& row = report->rows.front();
    EXPECT_EQ(row.name, "stub alone");
    EXPECT_EQ(row.runs, 2U);
    EXPECT_EQ(row.failures, 0U) << row.first_failure;
    EXPECT_EQ(row.figures.front().values, (std::vector<double>{3, 3}));
}

TEST(Density, SaysWhichContainerCouldNotBeStartedAndWhatThereWasBefore) {
    const RoomFor runtime(3);
    auto report = crowd_of(runtime, 5);
    ASSERT_TRUE(report.ok()) << report.error().text();
    const Row& row = report->rows.front();
    EXPECT_EQ(row.failures, 2U);
    EXPECT_NE(row.first_failure.find("container 4: run -d: "), std::string::npos) << row.first_failure;
    EXPECT_NE(row.first_failure.find("no room"), std::string::npos) << row.first_failure;
    EXPECT_EQ(row.figures.front().values, (std::vector<double>{3, 3}));
}

}  // namespace
}  // namespace urc::bench
