// Putting limits back, with a directory in place of cgroup2. Real v1 and v2: lifecycle/update_test.cpp.
#include "core/cgroup/snapshot.h"

#include <gtest/gtest.h>

#include "tests/core/cgroup/fixture.h"

namespace urc::cgroup {
namespace {

class SnapshotTest : public ::testing::Test {
protected:
    SnapshotTest() {
        std::filesystem::create_directories(dir_ / "c1");
        put("cgroup.procs", "");
        put("memory.max", "1000\n");
        put("cpuset.cpus", "\n");
        put("io.weight", "default 50\n8:0 10\n");
        put("memory.high", "777\n");
        put("io.max", "8:0 rbps=1\n8:16 rbps=2\n");
        auto opened = Cgroup::open({.paths = {{"", dir_ / "c1"}}, .made = {}});
        EXPECT_TRUE(opened);
        cgroup_.emplace(std::move(*opened));
    }
    void put(const std::string& name, const std::string& text) { spit(dir_ / ("c1/" + name), text); }
    std::string file(const std::string& name) { return slurp(dir_ / ("c1/" + name)); }

    TempDir dir_;
    std::optional<Cgroup> cgroup_;
};

TEST_F(SnapshotTest, PutsBackWhatIsDifferent) {
    Snapshot before = Snapshot::take(*cgroup_, {});
    put("memory.max", "5");
    put("cpuset.cpus", "0");
    EXPECT_EQ(before.restore(), "");
    EXPECT_EQ(file("memory.max"), "1000");
    EXPECT_TRUE(file("cpuset.cpus").empty()) << "a newline: nothing written would be no write";
}

TEST_F(SnapshotTest, OneValueOfAFileOfManyLines) {
    Snapshot before = Snapshot::take(*cgroup_, {});
    put("io.weight", "");
    EXPECT_EQ(before.restore(), "");
    EXPECT_EQ(file("io.weight"), "50");
}

TEST_F(SnapshotTest, AFileThatTheUpdateBroughtGetsItsFirstValue) {
    Snapshot before = Snapshot::take(*cgroup_, {});
    put("pids.max", "5");
    EXPECT_EQ(before.restore(), "");
    EXPECT_EQ(file("pids.max"), "max");
}

TEST_F(SnapshotTest, TheFilesThatTheUpdateNamesAreKeptUnlessTheyHaveManyLines) {
    spec::Resources named;
    named.unified = {{"memory.high", "1"}, {"io.max", "8:0 rbps=9"}, {"not.there", "1"}};
    Snapshot before = Snapshot::take(*cgroup_, named);
    put("memory.high", "1");
    put("io.max", "8:0 rbps=9");
    EXPECT_EQ(before.restore(), "");
    EXPECT_EQ(file("memory.high"), "777");
    EXPECT_EQ(file("io.max"), "8:0 rbps=9");
}

TEST_F(SnapshotTest, TellsWhatCouldNotBePutBack) {
    Snapshot before = Snapshot::take(*cgroup_, {});
    put("memory.max", "5");
    ASSERT_EQ(::unlink((dir_ / "c1/memory.max").c_str()), 0);
    ASSERT_EQ(::symlink("/proc/version", (dir_ / "c1/memory.max").c_str()), 0);  // readable, not writable
    EXPECT_NE(before.restore().find("memory.max"), std::string::npos);
}

}  // namespace
}  // namespace urc::cgroup
