// Paths in a hostile root. The directory beside the root stands for the host: nothing may appear in it.
#include "core/child/resolver.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "uring/file.h"

namespace urc::child {
namespace {

namespace fs = std::filesystem;

class Resolver : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = "/tmp/urc-resolver-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        base_ = name;
        fs::create_directories(base_ + "/root/etc");
        fs::create_directories(base_ + "/outside");
        std::ofstream(base_ + "/outside/secret") << "secret";
        auto root = open_at(AT_FDCWD, (base_ + "/root").c_str(), O_PATH | O_DIRECTORY);
        ASSERT_TRUE(root.ok());
        root_ = std::move(*root);
        ::umask(022);
    }
    void TearDown() override { fs::remove_all(base_); }

    void link(const std::string& target, const std::string& name) {
        fs::create_symlink(target, base_ + "/root/" + name);
    }
    std::string make(const std::string& path, Want want) {
        auto made = make_in_root(root_.get(), path.c_str(), want);
        if (!made.ok()) return made.error().text();
        return (made->is_created ? "+" : "") +
               fs::read_symlink("/proc/self/fd/" + std::to_string(made->fd.get()))
                   .string()
                   .substr(base_.size());
    }
    bool is_outside_untouched() const {
        return std::distance(fs::directory_iterator(base_ + "/outside"), {}) == 1 &&
               std::distance(fs::directory_iterator(base_), {}) == 2;
    }

    std::string base_;
    Fd root_;
};

TEST_F(Resolver, WhatExistsIsOpened) {
    EXPECT_EQ(make("/etc", Want::directory), "/root/etc");
    EXPECT_EQ(make("etc", Want::directory), "/root/etc");
    EXPECT_EQ(make("/", Want::directory), "/root");
}

TEST_F(Resolver, WhatIsMissingIsMade) {
    EXPECT_EQ(make("/a/b/c", Want::directory), "+/root/a/b/c");
    EXPECT_EQ(make("/a/b/c", Want::directory), "/root/a/b/c");
    EXPECT_EQ(make("/a/file", Want::file), "+/root/a/file");
    EXPECT_TRUE(fs::is_regular_file(base_ + "/root/a/file"));
    struct stat status;
    ASSERT_EQ(::stat((base_ + "/root/a").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0755U);
}

TEST_F(Resolver, SetgidIsHandedDown) {
    ASSERT_EQ(::chmod((base_ + "/root/etc").c_str(), 02755), 0);
    EXPECT_EQ(make("/etc/a/b", Want::directory), "+/root/etc/a/b");
    struct stat status;
    ASSERT_EQ(::stat((base_ + "/root/etc/a/b").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 02755U);
}

TEST_F(Resolver, AbsoluteSymlinksStayInTheRoot) {
    link("/etc", "link");
    EXPECT_EQ(make("/link", Want::directory), "/root/etc");
    EXPECT_EQ(make("link", Want::directory), "/root/etc");
    EXPECT_EQ(make("/link/new", Want::directory), "+/root/etc/new");
    link(base_ + "/outside", "out");
    EXPECT_EQ(make("/out/x", Want::directory), "+/root" + base_ + "/outside/x");
    EXPECT_TRUE(is_outside_untouched());
}

TEST_F(Resolver, DotDotStaysInTheRoot) {
    link("../../../outside", "up");
    EXPECT_EQ(make("/up", Want::directory), "+/root/outside");
    link("../../../../../../../../etc", "etc2");
    EXPECT_EQ(make("/etc2/x", Want::directory), "+/root/etc/x");
    EXPECT_TRUE(is_outside_untouched());
}

TEST_F(Resolver, DanglingSymlinksAreMadeInsideTheRoot) {
    link("/var/lib/x", "dangling");
    EXPECT_EQ(make("/dangling", Want::directory), "+/root/var/lib/x");
    link("../outside/new", "etc/dangling");
    EXPECT_EQ(make("/etc/dangling", Want::file), "+/root/outside/new");
    EXPECT_TRUE(is_outside_untouched());
}

TEST_F(Resolver, LoopsEnd) {
    link("b", "a");
    link("a", "b");
    EXPECT_EQ(make("/a", Want::directory), "open: /a: Too many levels of symbolic links");
    // Each round asks for one directory more than there is: the hand-made walk must end as well.
    link("missing/../c/x", "c");
    EXPECT_EQ(make("/c", Want::directory), "open: Too many levels of symbolic links");
}

TEST_F(Resolver, FileInTheWayIsAnError) {
    std::ofstream(base_ + "/root/file") << "";
    EXPECT_EQ(make("/file/x", Want::directory), "open: /file/x: Not a directory");
    link("/nothing/../file/x", "etc/l");
    EXPECT_EQ(make("/etc/l", Want::directory), "open: x: Not a directory");
}

TEST_F(Resolver, RealDirectoryIsNeverASymlink) {
    link("etc", "proc");
    EXPECT_EQ(make("/proc", Want::real_directory), "open: /proc: Not a directory");
    link("/nowhere", "sys");
    EXPECT_EQ(make("/sys", Want::real_directory), "open: /sys: Not a directory");
    EXPECT_FALSE(fs::exists(base_ + "/root/nowhere"));
    EXPECT_EQ(make("/dev", Want::real_directory), "+/root/dev");
    // Before the last component symlinks are as good as elsewhere.
    EXPECT_EQ(make("/proc/sub", Want::real_directory), "+/root/etc/sub");
}

TEST_F(Resolver, MagicLinksAreRefused) {
    auto proc = open_at(AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY);
    ASSERT_TRUE(proc.ok());
    auto opened = open_in_root(proc->get(), "root/etc", O_PATH);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code(), ELOOP);
    auto made = make_in_root(proc->get(), "cwd/x", Want::directory);
    EXPECT_FALSE(made.ok());
}

TEST_F(Resolver, Cve_2024_45310_NothingIsMadeOutsideWhileComponentsAreSwapped) {
    // A neighbour swaps root/a/b between a directory and a symlink to the outside.
    fs::create_directories(base_ + "/root/a/b");
    fs::create_symlink(base_ + "/outside", base_ + "/root/a/evil");
    std::string real = base_ + "/root/a/b", evil = base_ + "/root/a/evil";
    pid_t swapper = ::fork();
    if (swapper == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
        for (;;) ::syscall(SYS_renameat2, AT_FDCWD, real.c_str(), AT_FDCWD, evil.c_str(), kExchange);
    }
    constexpr int kTries = 100;
    for (int i = 0; i < kTries; ++i) {
        std::string path = "/a/b/new" + std::to_string(i) + "/deep";
        (void)make_in_root(root_.get(), path.c_str(), i % 2 == 0 ? Want::directory : Want::file);
    }
    ::kill(swapper, SIGKILL);
    ::waitpid(swapper, nullptr, 0);
    EXPECT_TRUE(is_outside_untouched());
}

}  // namespace
}  // namespace urc::child
