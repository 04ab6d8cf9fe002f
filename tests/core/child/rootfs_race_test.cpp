// A neighbour that shares a volume and exchanges what lies in it as fast as it can, while the mounts are
// made.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/core/child/rootfs_fixture.h"

namespace urc::child::testing {
namespace {

class RootfsRace : public RootfsTest {
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

TEST_F(RootfsRace, Cve_2021_30465_SwappedDestinationNeverLeadsOutOfTheRoot) {
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

TEST_F(RootfsRace, Cve_2023_27561_SwappedProcIsRefusedOrReal) {
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

TEST_F(RootfsRace, Cve_2025_31133_SwappedNullIsNeverTheMask) {
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

TEST_F(RootfsRace, Cve_2026_41579_SwappedDevLeavesNothingOutside) {
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

}  // namespace
}  // namespace urc::child::testing
