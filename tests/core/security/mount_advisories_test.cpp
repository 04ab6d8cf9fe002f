// Advisories about mounts and the rootfs, by number: a hostile image, and a neighbour that shares a volume
// and exchanges what lies in it as fast as it can while the mounts are made. tests/README.md lists all of
// them.
//
// A race is tried a bounded number of times; a test that is right never fails by chance, it may only miss a
// bug.
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "core/child/copy_up.h"
#include "core/child/mount_calls.h"
#include "core/child/resolver.h"
#include "tests/core/child/rootfs_fixture.h"

namespace urc::child::testing {
namespace {

class MountAdvisories : public RootfsTest {
protected:
    void TearDown() override {
        stop();
        RootfsTest::TearDown();
    }
    // Exchanges the two names for ever.
    void start(const std::string& one, const std::string& other) {
        swapper_ = ::fork();
        if (swapper_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
        for (;;) ::syscall(SYS_renameat2, AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), kExchange);
    }
    void stop() {
        if (swapper_ <= 0) return;
        ::kill(swapper_, SIGKILL);
        ::waitpid(swapper_, nullptr, 0);
        swapper_ = 0;
    }
    pid_t swapper_ = 0;
};

constexpr int kTries = 40;

TEST_F(MountAdvisories, Cve_2021_30465_SwappedDestinationNeverLeadsOutOfTheRoot) {
    // In the volume: `target` is now a directory, now a symlink to the host's root.
    std::string volume = bundle_ + "/volume", outside = bundle_ + "/outside", source = bundle_ + "/source";
    std::filesystem::create_directories(volume + "/target/mnt");
    std::filesystem::create_directories(outside + "/mnt");
    std::filesystem::create_directories(source);
    spill(source + "/marker", "mounted");
    std::filesystem::create_symlink(outside, volume + "/evil");
    bind(volume, "/volume");
    bind(source, "/volume/target/mnt");
    bind(source, "/volume/target/new/deep");
    Course course;
    course.before_pivot = [&](RootfsPlan&) -> std::string {
        // The host's tree is still there beside the container's.
        URC_NEED(!exists(outside + "/mnt/marker"));
        return "";
    };
    start(volume + "/target", volume + "/evil");
    int successes = 0;
    for (int i = 0; i < kTries; ++i) {
        std::string wrong = run(course);
        successes += wrong.empty() ? 1 : 0;
        EXPECT_EQ(wrong.find("is not so"), std::string::npos) << wrong;
    }
    stop();
    EXPECT_GT(successes, 0);
    EXPECT_TRUE(std::filesystem::is_empty(outside + "/mnt"));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(outside), {}), 1) << "made on the host";
}

TEST_F(MountAdvisories, Cve_2023_27561_SwappedProcIsRefusedOrReal) {
    std::filesystem::create_directories(rootfs_ + "/proc");
    std::filesystem::create_directories(rootfs_ + "/fake");
    std::filesystem::create_symlink("fake", rootfs_ + "/evil");
    mount_proc();
    start(rootfs_ + "/proc", rootfs_ + "/evil");
    Course course;
    course.inside = [](RootfsPlan&) -> std::string {
        // Wherever the names are by now: the mount is not on what the symlink names.
        std::string all = mountinfo_inside();
        URC_NEED(all.find(" /fake ") == std::string::npos);
        return "";
    };
    for (int i = 0; i < kTries; ++i) {
        std::string wrong = run(course);
        EXPECT_TRUE(wrong.empty() ||
                    wrong == "mount proc on /proc: filesystem \"proc\" must be mounted on ordinary directory")
            << wrong;
    }
}

TEST_F(MountAdvisories, Cve_2025_31133_SwappedNullIsNeverTheMask) {
    std::string dev = bundle_ + "/dev";
    std::filesystem::create_directories(dev);
    ASSERT_EQ(::mknod((dev + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
    std::filesystem::create_symlink("/target", dev + "/evil");
    spill(rootfs_ + "/target", "untouched");
    spill(rootfs_ + "/file", "secret");
    bind(dev, "/dev");
    spec_.linux.masked_paths = {"/file"};
    start(dev + "/null", dev + "/evil");
    for (int i = 0; i < kTries; ++i)
        EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                      URC_NEED(is_device("/file", 1, 3));
                      URC_NEED(mount_line("/target").empty());
                      return "";
                  }),
                  "");
}

// The descriptor of the terminal is mounted, and what is mounted on is looked at after it was opened.
TEST_F(MountAdvisories, Cve_2025_52565_SwappedConsoleIsRefusedOrReal) {
    // /dev is a volume: `console` is now a file, now a symlink to what is to be covered by a terminal.
    std::string dev = bundle_ + "/dev";
    std::filesystem::create_directories(dev + "/pts");
    spill(dev + "/console", "");
    std::filesystem::create_symlink("/target", dev + "/evil");
    spill(rootfs_ + "/target", "untouched");
    bind(dev, "/dev");
    mount_devpts();
    Course course;
    course.before_pivot = [](RootfsPlan& plan) -> std::string {
        auto ptmx = open_ptmx(plan);
        if (!ptmx.ok()) return ptmx.error().text();
        int unlocked = 0;
        URC_NEED(::ioctl(ptmx->get(), TIOCSPTLCK, &unlocked) == 0);
        Fd slave(::ioctl(ptmx->get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
        URC_NEED(slave.is_open());
        auto bound = bind_console(plan, slave.get());
        return bound.ok() ? "" : bound.error().text();
    };
    course.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(slurp("/target") == "untouched");
        return "";
    };
    start(dev + "/console", dev + "/evil");
    int successes = 0;
    for (int i = 0; i < kTries; ++i) {
        std::string wrong = run(course);
        successes += wrong.empty() ? 1 : 0;
        EXPECT_TRUE(wrong.empty() || wrong == "mount terminal on /dev/console: it is a symlink") << wrong;
    }
    EXPECT_GT(successes, 0);
}

TEST_F(MountAdvisories, Cve_2026_41579_SwappedDevLeavesNothingOutside) {
    std::string outside = bundle_ + "/outside";
    std::filesystem::create_directories(outside);
    std::filesystem::create_directories(rootfs_ + "/dev");
    std::filesystem::create_symlink(outside, rootfs_ + "/evil");
    start(rootfs_ + "/dev", rootfs_ + "/evil");
    for (int i = 0; i < kTries; ++i) {
        std::string wrong = run();
        EXPECT_TRUE(wrong.empty() || wrong == "/dev of the rootfs must be an ordinary directory") << wrong;
    }
    stop();
    EXPECT_TRUE(std::filesystem::is_empty(outside));
}

// crun's number for the same: an image whose /dev leads out, also by way of another symlink and of "..".
TEST_F(MountAdvisories, Cve_2026_47766_DevThatLeadsOutIsRefused) {
    std::filesystem::create_directories(bundle_ + "/outside");
    for (const char* target : {"../outside", "/hop", "../../../../../../../tmp"}) {
        std::filesystem::remove(rootfs_ + "/dev");
        std::filesystem::remove(rootfs_ + "/hop");
        std::filesystem::create_symlink(bundle_ + "/outside", rootfs_ + "/hop");
        std::filesystem::create_symlink(target, rootfs_ + "/dev");
        spec_.mounts.clear();
        EXPECT_EQ(run(), "/dev of the rootfs must be an ordinary directory") << target;
        mount_dev();
        EXPECT_EQ(run(), "mount tmpfs on /dev: filesystem \"tmpfs\" must be mounted on ordinary directory")
            << target;
    }
    EXPECT_TRUE(std::filesystem::is_empty(bundle_ + "/outside"));
}

// An image with a symlink in place of /proc or /sys, so that labels are written to files of its choice.
TEST_F(MountAdvisories, Cve_2023_28642_ProcAndSysMustBeDirectories) {
    for (const char* target : {"/tmp", "tmp/../tmp", "/nowhere", "proc-of-the-image"}) {
        for (const char* name : {"/proc", "/sys"}) std::filesystem::remove(rootfs_ + name);
        std::filesystem::create_directories(rootfs_ + "/proc-of-the-image/self/attr");
        std::filesystem::create_directories(rootfs_ + "/tmp");
        std::filesystem::create_symlink(target, rootfs_ + "/proc");
        std::filesystem::create_symlink(target, rootfs_ + "/sys");
        spec_.mounts.clear();
        mount_proc();
        EXPECT_EQ(run(), "mount proc on /proc: filesystem \"proc\" must be mounted on ordinary directory")
            << target;
        spec_.mounts.clear();
        mount_sys();
        EXPECT_EQ(run(), "mount sysfs on /sys: filesystem \"sysfs\" must be mounted on ordinary directory")
            << target;
    }
}

// crun followed a symlink of the image at a mount's target, also one that leads nowhere yet.
TEST_F(MountAdvisories, Cve_2019_18837_TargetThatIsASymlinkStaysInTheRoot) {
    std::string outside = bundle_ + "/outside", source = bundle_ + "/source";
    std::filesystem::create_directories(outside + "/there");
    std::filesystem::create_directories(source);
    spill(source + "/marker", "mounted");
    spill(outside + "/file", "untouched");
    std::filesystem::create_symlink(outside + "/there", rootfs_ + "/directory");
    std::filesystem::create_symlink(outside + "/file", rootfs_ + "/file");
    std::filesystem::create_symlink("../outside/new", rootfs_ + "/dangling");
    bind(source, "/directory");
    bind(source + "/marker", "/file");
    bind(source, "/dangling");
    Course course;
    course.before_pivot = [&](RootfsPlan&) -> std::string {
        URC_NEED(!exists(outside + "/there/marker") && slurp(outside + "/file") == "untouched");
        return "";
    };
    course.inside = [&](RootfsPlan&) -> std::string {
        URC_NEED(slurp(outside + "/there/marker") == "mounted" && slurp(outside + "/file") == "mounted");
        URC_NEED(slurp("/outside/new/marker") == "mounted");
        return "";
    };
    EXPECT_EQ(run(course), "");
    EXPECT_FALSE(exists(outside + "/new"));
    EXPECT_TRUE(std::filesystem::is_empty(outside + "/there"));
}

// Everything that urc ever makes in a rootfs, each with a symlink of the image waiting in its place.
TEST_F(MountAdvisories, Cve_2025_24965_NothingIsMadeThroughASymlink) {
    std::string outside = bundle_ + "/outside", source = bundle_ + "/source";
    std::filesystem::create_directories(outside);
    std::filesystem::create_directories(rootfs_ + "/dev/pts");
    spill(source, "mounted");
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "fd",
                             "stdin", "stdout", "stderr", "core", "own", "pipe"})
        std::filesystem::create_symlink(outside + "/" + name, rootfs_ + "/dev/" + name);
    std::filesystem::create_symlink(outside, rootfs_ + "/dev/below");
    std::filesystem::create_symlink(outside + "/mount-point", rootfs_ + "/file");
    std::filesystem::create_symlink(outside, rootfs_ + "/directory");
    for (const char* path : {"/dev/own", "/dev/below/own", "/directory/own"})
        spec_.linux.devices.push_back({'c', path, 1, 3, 0600, 1, 1});
    spec_.linux.devices.push_back({'p', "/dev/pipe", 0, 0, 0600, 1, 1});
    bind(source, "/file");
    bind(source, "/directory/deep/er");
    mount("/directory/tmpfs", "tmpfs", "tmpfs", {"tmpcopyup"});
    mount_devpts();
    // An error is as good as success: what counts is that nothing appears on the other side.
    (void)run();
    for (bool is_userns : {false, true}) {
        options_.is_userns = is_userns;
        Course course;
        course.has_userns = is_userns;
        (void)run(course);
        EXPECT_TRUE(std::filesystem::is_empty(outside)) << is_userns;
    }
    // The same with nothing else in the way of the mounts.
    options_.is_userns = false;
    spec_.linux.devices.clear();
    EXPECT_EQ(run(), "");
    EXPECT_TRUE(std::filesystem::is_empty(outside));
}

// What is copied up is read while a neighbour turns a directory into a symlink to the host's files.
TEST_F(MountAdvisories, CopyUpOfASwappedDirectoryNeverLeadsOut) {
    std::string outside = bundle_ + "/outside", volume = bundle_ + "/volume";
    std::filesystem::create_directories(outside);
    std::filesystem::create_directories(volume + "/target");
    spill(outside + "/secret", "secret");
    spill(volume + "/target/harmless", "content");
    std::filesystem::create_symlink(outside, volume + "/evil");
    bind(volume, "/volume");
    Course course;
    course.before_pivot = [](RootfsPlan& plan) -> std::string {
        constexpr int kCopies = 500;
        int successes = 0;
        auto hidden = open_in_root(plan.root.get(), "/volume", O_PATH);
        URC_NEED(hidden.ok());
        for (int i = 0; i < kCopies; ++i) {
            auto tmpfs = make_filesystem("tmpfs", "tmpfs", {}, 0, "tmpfs");
            URC_NEED(tmpfs.ok());
            successes += copy_up(hidden->get(), tmpfs->get(), "copy").ok() ? 1 : 0;
            struct stat status;
            for (const char* name : {"target", "evil"})
                URC_NEED(::fstatat(tmpfs->get(), name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
                         S_ISLNK(status.st_mode) ||
                         ::fstatat(tmpfs->get(), (std::string(name) + "/secret").c_str(), &status, 0) < 0);
        }
        URC_NEED(successes > 0);
        return "";
    };
    start(volume + "/target", volume + "/evil");
    EXPECT_EQ(run(course), "");
}

}  // namespace
}  // namespace urc::child::testing
