#include "core/child/procfs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/core/child/rootfs_fixture.h"
#include "uring/file.h"

namespace urc::child::testing {
namespace {

// In a mount namespace of its own, so that covers can be mounted.
std::string in_namespace(const std::function<std::string()>& act) {
    std::array<int, 2> report{};
    if (::pipe2(report.data(), O_CLOEXEC) < 0) return "pipe";
    pid_t child = ::fork();
    if (child == 0) {
        std::string wrong = "unshare";
        if (::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0)
            wrong = act();
        (void)!::write(report[1], wrong.data(), wrong.size());
        ::_exit(0);
    }
    ::close(report[1]);
    auto text = read_all(report[0], 1 << 16, "report");
    ::close(report[0]);
    ::waitpid(child, nullptr, 0);
    return text.ok() ? *text : text.error().text();
}

class ProcfsTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    }
};

TEST_F(ProcfsTest, OwnMountIsNotVisibleAndSeesNoCovers) {
    EXPECT_EQ(in_namespace([]() -> std::string {
                  std::string before = slurp("/proc/self/mountinfo");
                  auto procfs = Procfs::open();
                  if (!procfs.ok()) return procfs.error().text();
                  URC_NEED(slurp("/proc/self/mountinfo") == before);
                  URC_NEED(::mount("tmpfs", "/proc/sys", "tmpfs", 0, nullptr) == 0);
                  auto file = procfs->open_file("sys/kernel/ostype", O_RDONLY);
                  if (!file.ok()) return file.error().text();
                  auto text = read_all(file->get(), 64, "ostype");
                  URC_NEED(text.ok() && *text == "Linux\n");
                  return "";
              }),
              "");
}

TEST_F(ProcfsTest, VisibleMountWithACoverFailsInPlaceOfFollowingIt) {
    EXPECT_EQ(in_namespace([]() -> std::string {
                  Fd mounted(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
                  auto procfs = Procfs::on_mount(mounted.get());
                  if (!procfs.ok()) return procfs.error().text();
                  URC_NEED(procfs->open_file("sys/kernel/ostype", O_RDONLY).ok());
                  URC_NEED(::mount("tmpfs", "/proc/sys", "tmpfs", 0, nullptr) == 0);
                  auto file = procfs->open_file("sys/kernel/ostype", O_RDONLY);
                  URC_NEED(!file.ok() && file.error().code() == EXDEV);
                  return "";
              }),
              "");
}

TEST_F(ProcfsTest, WhatIsNoProcfsIsRefused) {
    Fd other(::open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC));
    EXPECT_FALSE(Procfs::on_mount(other.get()).ok());
    Fd below(::open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC));
    EXPECT_FALSE(Procfs::on_mount(below.get()).ok());
}

TEST_F(ProcfsTest, MagicLinksAndWaysOutAreRefused) {
    auto procfs = Procfs::open();
    ASSERT_TRUE(procfs.ok());
    EXPECT_FALSE(procfs->open_file("self/root/etc/passwd", O_RDONLY).ok());
    EXPECT_FALSE(procfs->open_file("self/exe", O_RDONLY).ok());
    EXPECT_FALSE(procfs->open_file("self/fd/0", O_RDONLY).ok());
    EXPECT_FALSE(procfs->open_file("../etc/passwd", O_RDONLY).ok());
    EXPECT_FALSE(procfs->open_file("/etc/passwd", O_RDONLY).ok());
    EXPECT_TRUE(procfs->open_file("self/status", O_RDONLY).ok());
}

TEST_F(ProcfsTest, WriteNamesTheFileInItsError) {
    auto procfs = Procfs::open();
    ASSERT_TRUE(procfs.ok());
    auto written = procfs->write("sys/no/such", "1");
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().text(), "open: /proc/sys/no/such: No such file or directory");
    EXPECT_TRUE(procfs->write("self/oom_score_adj", slurp("/proc/self/oom_score_adj")).ok());
}

}  // namespace
}  // namespace urc::child::testing
