// /dev and what is put over paths at the end.
#include <sys/ioctl.h>

#include <cstdlib>

#include "tests/core/child/rootfs_fixture.h"

namespace urc::child::testing {
namespace {

class RootfsDevices : public RootfsTest {
protected:
    spec::Device& device(char type, std::string path, std::int64_t major_number, std::int64_t minor_number) {
        spec::Device one;
        one.type = type;
        one.path = std::move(path);
        one.major = major_number;
        one.minor = minor_number;
        return spec_.linux.devices.emplace_back(std::move(one));
    }
};

TEST_F(RootfsDevices, DefaultDevicesAndLinksAreMade) {
    mount_dev();
    mount_devpts();
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(is_device("/dev/null", 1, 3) && is_device("/dev/zero", 1, 5));
                  URC_NEED(is_device("/dev/full", 1, 7) && is_device("/dev/random", 1, 8));
                  URC_NEED(is_device("/dev/urandom", 1, 9) && is_device("/dev/tty", 5, 0));
                  URC_NEED(mode_of("/dev/null") == 0666);
                  URC_NEED(std::filesystem::read_symlink("/dev/ptmx") == "pts/ptmx");
                  URC_NEED(std::filesystem::read_symlink("/dev/fd") == "/proc/self/fd");
                  URC_NEED(std::filesystem::read_symlink("/dev/stderr") == "/proc/self/fd/2");
                  return "";
              }),
              "");
}

TEST_F(RootfsDevices, WithoutAMountTheImagesOwnDirectoryIsUsed) {
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(is_device("/dev/null", 1, 3));
                  return "";
              }),
              "");
    EXPECT_EQ(mode_of(rootfs_ + "/dev"), 0755);
    // A second run finds everything there.
    EXPECT_EQ(run(), "");
}

TEST_F(RootfsDevices, BoundDevIsLeftAlone) {
    std::filesystem::create_directories(bundle_ + "/dev");
    bind(bundle_ + "/dev", "/dev");
    EXPECT_EQ(run(), "");
    EXPECT_TRUE(std::filesystem::is_empty(bundle_ + "/dev"));
}

TEST_F(RootfsDevices, ModeOwnerAndKindFollowTheConfiguration) {
    mount_dev();
    auto& fuse = device('c', "/dev/fuse", 10, 229);
    fuse.file_mode = 0640;
    fuse.uid = 12;
    fuse.gid = 34;
    device('b', "/dev/block/loop7", 7, 7);
    device('p', "/dev/fifo", 0, 0);
    device('u', "/elsewhere/zero", 1, 5);
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  struct stat status;
                  URC_NEED(is_device("/dev/fuse", 10, 229) && ::stat("/dev/fuse", &status) == 0);
                  URC_NEED(status.st_uid == 12 && status.st_gid == 34 && (status.st_mode & 07777) == 0640);
                  URC_NEED(::stat("/dev/block/loop7", &status) == 0 && S_ISBLK(status.st_mode));
                  URC_NEED(::stat("/dev/fifo", &status) == 0 && S_ISFIFO(status.st_mode));
                  URC_NEED(is_device("/elsewhere/zero", 1, 5));
                  return "";
              }),
              "");
}

TEST_F(RootfsDevices, RedundantEntriesAreHarmless) {
    mount_dev();
    mount_devpts();
    device('c', "/dev/tty", 5, 0).file_mode = 0600;
    device('c', "/dev/ptmx", 5, 2);
    device('c', "/dev/null", 1, 3);
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(is_device("/dev/tty", 5, 0) && mode_of("/dev/tty") == 0600);
                  URC_NEED(std::filesystem::read_symlink("/dev/ptmx") == "pts/ptmx");
                  return "";
              }),
              "");
}

TEST_F(RootfsDevices, NumbersThatNoDeviceCanHaveAreRefused) {
    device('c', "/dev/x", -1, 0);
    EXPECT_EQ(run(), "device /dev/x: number out of range");
    spec_.linux.devices[0].major = 1;
    spec_.linux.devices[0].minor = 1LL << 32;
    EXPECT_EQ(run(), "device /dev/x: number out of range");
}

TEST_F(RootfsDevices, Cve_2026_41579_DevAsASymlinkIsRefusedAndNothingIsMade) {
    for (const std::string& target : {bundle_ + "/outside", std::string("/tmp"), std::string("../outside")}) {
        std::filesystem::remove(rootfs_ + "/dev");
        std::filesystem::create_directories(bundle_ + "/outside");
        std::filesystem::create_directories(rootfs_ + "/tmp");
        std::filesystem::create_symlink(target, rootfs_ + "/dev");
        spec_.mounts.clear();
        EXPECT_EQ(run(), "/dev of the rootfs must be an ordinary directory");
        mount_dev();
        EXPECT_EQ(run(), "mount tmpfs on /dev: filesystem \"tmpfs\" must be mounted on ordinary directory");
        EXPECT_TRUE(std::filesystem::is_empty(bundle_ + "/outside"));
        EXPECT_TRUE(std::filesystem::is_empty(rootfs_ + "/tmp"));
    }
}

TEST_F(RootfsDevices, SymlinkBelowDevStaysInTheRoot) {
    std::filesystem::create_directories(rootfs_ + "/dev");
    std::filesystem::create_directories(bundle_ + "/outside");
    std::filesystem::create_symlink(bundle_ + "/outside", rootfs_ + "/dev/net");
    device('c', "/dev/net/tun", 10, 200);
    EXPECT_EQ(run(), "");
    EXPECT_TRUE(std::filesystem::is_empty(bundle_ + "/outside"));
}

// ---- the terminal
// -------------------------------------------------------------------------------------------

Result<Fd> open_slave(RootfsPlan& plan) {
    URC_TRY(Fd ptmx, open_ptmx(plan));
    int unlock = 0;
    if (::ioctl(ptmx.get(), TIOCSPTLCK, &unlock) < 0) return Error::last("unlock");
    Fd slave(::ioctl(ptmx.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave) return Error::last("slave");
    (void)ptmx.release();  // the terminal lives as long as the test's child
    return slave;
}

TEST_F(RootfsDevices, TerminalOfTheContainersDevptsIsBoundToTheConsole) {
    mount_dev();
    mount_devpts();
    for (bool is_after_pivot : {false, true}) {
        Course course;
        auto act = [](RootfsPlan& plan) -> std::string {
            auto slave = open_slave(plan);
            if (!slave.ok()) return slave.error().text();
            auto bound = bind_console(plan, slave->get());
            return bound.ok() ? "" : bound.error().text();
        };
        auto look = [](RootfsPlan&) -> std::string {
            URC_NEED(is_device("/dev/console", 136, 0));
            URC_NEED(has_word(mount_line("/dev/console"), "devpts"));
            return "";
        };
        if (!is_after_pivot) course.before_pivot = act;
        course.inside = [&](RootfsPlan& plan) -> std::string {
            std::string wrong = is_after_pivot ? act(plan) : "";
            return wrong.empty() ? look(plan) : wrong;
        };
        EXPECT_EQ(run(course), "");
    }
}

TEST_F(RootfsDevices, Cve_2025_52565_OnlyATerminalGoesToTheConsole) {
    mount_dev();
    mount_devpts();
    Course course;
    course.before_pivot = [](RootfsPlan& plan) -> std::string {
        for (const char* path : {"/proc/version", "/dev/null", "/dev/tty0", "/dev"}) {
            Fd wrong(::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
            if (!wrong) continue;
            auto bound = bind_console(plan, wrong.get());
            URC_NEED(!bound.ok() && bound.error().code() == ENOTTY);
        }
        // The image's console leads to something to be overwritten.
        URC_NEED(::symlinkat("/proc/sys/kernel/core_pattern", plan.dev.get(), "console") == 0);
        auto slave = open_slave(plan);
        if (!slave.ok()) return slave.error().text();
        auto bound = bind_console(plan, slave->get());
        URC_NEED(!bound.ok() && bound.error().code() == ELOOP);
        return "";
    };
    EXPECT_EQ(run(course), "");
}

TEST_F(RootfsDevices, MultiplexerMustBeOne) {
    mount_dev();
    Course course;
    course.before_pivot = [](RootfsPlan& plan) -> std::string {
        URC_NEED(!open_ptmx(plan).ok());  // no devpts
        URC_NEED(::mkdirat(plan.dev.get(), "pts", 0755) == 0);
        URC_NEED(::mknodat(plan.dev.get(), "pts/ptmx", S_IFCHR | 0666, makedev(5, 2)) == 0);
        auto opened = open_ptmx(plan);
        URC_NEED(!opened.ok() && opened.error().code() == ENODEV);
        return "";
    };
    EXPECT_EQ(run(course), "");
}

// ---- masks
// --------------------------------------------------------------------------------------------------

class RootfsMasks : public RootfsTest {};

TEST_F(RootfsMasks, FilesBecomeNullAndDirectoriesShareOneEmptyReadonlyTmpfs) {
    spill(rootfs_ + "/file", "secret");
    spill(rootfs_ + "/file2", "secret");
    std::filesystem::create_directories(rootfs_ + "/a/x");
    std::filesystem::create_directories(rootfs_ + "/b/x");
    spec_.linux.masked_paths = {"/file", "/a", "/b", "/absent", "/file/x", "/file2", "/file", "/a/", "//b/."};
    EXPECT_EQ(
        run([](RootfsPlan&) -> std::string {
            URC_NEED(is_device("/file", 1, 3) && is_device("/file2", 1, 3));
            struct stat a, b;
            URC_NEED(::stat("/a", &a) == 0 && ::stat("/b", &b) == 0 && a.st_dev == b.st_dev);
            URC_NEED(std::filesystem::is_empty("/a") && std::filesystem::is_empty("/b"));
            URC_NEED(::mkdir("/a/y", 0755) < 0 && errno == EROFS);
            std::string all = mountinfo_inside();
            URC_NEED(all.find(" /a ") == all.rfind(" /a ") && all.find(" /file ") == all.rfind(" /file "));
            return "";
        }),
        "");
    EXPECT_FALSE(exists(rootfs_ + "/absent"));
}

TEST_F(RootfsMasks, HostsNullDeviceCannotBeChangedThroughAMask) {
    struct stat before, after;
    ASSERT_EQ(::stat("/dev/null", &before), 0);
    spill(rootfs_ + "/file", "secret");
    spec_.linux.masked_paths = {"/file"};
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(::chmod("/file", 0600) < 0 && errno == EROFS);
                  URC_NEED(::chown("/file", 1, 1) < 0 && errno == EROFS);
                  int null = ::open("/file", O_RDWR | O_CLOEXEC);
                  URC_NEED(null >= 0 && ::write(null, "x", 1) == 1);
                  return "";
              }),
              "");
    ASSERT_EQ(::stat("/dev/null", &after), 0);
    EXPECT_EQ(after.st_mode, before.st_mode);
    if (after.st_mode != before.st_mode) (void)::chmod("/dev/null", before.st_mode & 07777);
}

TEST_F(RootfsMasks, ReadonlyRootIsNoObstacle) {
    spill(rootfs_ + "/file", "secret");
    spec_.root->readonly = true;
    spec_.linux.masked_paths = {"/file"};
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(is_device("/file", 1, 3));
                  return "";
              }),
              "");
}

TEST_F(RootfsMasks, SymlinksAreFollowedInsideTheRoot) {
    spill(rootfs_ + "/secret", "secret");
    std::filesystem::create_symlink("/secret", rootfs_ + "/link");
    spec_.linux.masked_paths = {"/link"};
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(is_device("/secret", 1, 3));
                  return "";
              }),
              "");
}

TEST_F(RootfsMasks, WhatCannotBeMaskedIsAnError) {
    std::filesystem::create_symlink("loop", rootfs_ + "/loop");
    spec_.linux.masked_paths = {"/loop"};
    EXPECT_EQ(run(), "mask: /loop: Too many levels of symbolic links");
    spec_.linux.masked_paths.clear();
    spec_.linux.readonly_paths = {"/loop"};
    EXPECT_EQ(run(), "make read-only: /loop: Too many levels of symbolic links");
}

TEST_F(RootfsMasks, Cve_2025_31133_TheImagesOwnNullDeviceIsNotUsed) {
    // /dev is a volume whose null is a symlink to what is to be overwritten.
    std::filesystem::create_directories(bundle_ + "/dev");
    std::filesystem::create_symlink("/target", bundle_ + "/dev/null");
    spill(rootfs_ + "/target", "core_pattern");
    spill(rootfs_ + "/file", "secret");
    bind(bundle_ + "/dev", "/dev");
    spec_.linux.masked_paths = {"/file", "/target"};
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(is_device("/file", 1, 3) && is_device("/target", 1, 3));
                  return "";
              }),
              "");
}

TEST_F(RootfsMasks, Cve_2025_31133_TheHostsNullDeviceMustBeOne) {
    spill(rootfs_ + "/file", "secret");
    spill(bundle_ + "/fake", "");
    spec_.linux.masked_paths = {"/file"};
    Course course;
    course.host_setup = [this](RootfsPlan&) -> std::string {
        URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
        URC_NEED(::mount((bundle_ + "/fake").c_str(), "/dev/null", nullptr, MS_BIND, nullptr) == 0);
        return "";
    };
    EXPECT_EQ(run(course), "mask: /dev/null of the host is not the null device");
}

TEST_F(RootfsMasks, ReadonlyPathsKeepWhatIsMountedBelow) {
    std::filesystem::create_directories(rootfs_ + "/a/b");
    mount("/a/b", "tmpfs", "tmpfs");
    spec_.linux.readonly_paths = {"/a", "/absent"};
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(::mkdir("/a/x", 0755) < 0 && errno == EROFS);
                  URC_NEED(::mkdir("/a/b/x", 0755) == 0);
                  return "";
              }),
              "");
}

}  // namespace
}  // namespace urc::child::testing
