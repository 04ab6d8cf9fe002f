// One test a rule of `mounts`.
#include "tests/core/child/rootfs_fixture.h"

namespace urc::child::testing {
namespace {

class RootfsMounts : public RootfsTest {
protected:
    void SetUp() override {
        RootfsTest::SetUp();
        if (bundle_.empty()) return;
        source_ = bundle_ + "/source";
        std::filesystem::create_directories(source_ + "/below");
        spill(source_ + "/file", "content");
    }
    // A second mount below the source, in the namespace of the child only.
    Check mount_below_source(const char* options = "") {
        return [this, options](RootfsPlan&) -> std::string {
            URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
            URC_NEED(::mount("tmpfs", (source_ + "/below").c_str(), "tmpfs", 0, options) == 0);
            return "";
        };
    }
    std::string source_;
};

// ---- binds
// --------------------------------------------------------------------------------------------------

TEST_F(RootfsMounts, BindOfADirectoryAndOfAFileMakesMissingMountPoints) {
    bind(source_, "/a/b");
    bind(source_ + "/file", "/c/d");
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(slurp("/a/b/file") == "content");
                  URC_NEED(slurp("/c/d") == "content");
                  return "";
              }),
              "");
    EXPECT_TRUE(std::filesystem::is_directory(rootfs_ + "/a/b"));
    EXPECT_TRUE(std::filesystem::is_regular_file(rootfs_ + "/c/d"));
    EXPECT_EQ(mode_of(rootfs_ + "/a"), 0755);
}

TEST_F(RootfsMounts, RelativeSourceIsBelowTheBundleAndRelativeDestinationBelowTheRoot) {
    bind("source", "x/y");
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(slurp("/x/y/file") == "content");
                  return "";
              }),
              "");
}

TEST_F(RootfsMounts, TypeNoneWithABindOptionIsABind) {
    mount("/x", "none", source_, {"rbind"});
    mount("/y", "", source_, {"bind"});
    mount("/z", "bind", source_, {});
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(exists("/x/file") && exists("/y/file") && exists("/z/file"));
                  return "";
              }),
              "");
}

TEST_F(RootfsMounts, MissingSourceIsOneClearErrorAndMakesNothing) {
    bind(bundle_ + "/nothing", "/x");
    EXPECT_EQ(run(), "mount " + bundle_ + "/nothing on /x: No such file or directory");
    EXPECT_FALSE(exists(rootfs_ + "/x"));
}

TEST_F(RootfsMounts, BindWithDataIsRefused) {
    bind(source_, "/x", {"size=5"});
    EXPECT_EQ(run(), "mount bind on /x: bind mounts cannot have any filesystem-specific options applied");
}

TEST_F(RootfsMounts, NeitherTypeNorBindIsRefused) {
    mount("/x", "", source_, {});
    EXPECT_NE(run(), "");
}

TEST_F(RootfsMounts, ReadonlyBindIsNotRecursive) {
    mount("/x", "bind", source_, {"rbind", "ro", "nosuid", "nodev", "noexec"});
    Course course;
    course.host_setup = mount_below_source();
    course.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(::mkdir("/x/new", 0755) < 0 && errno == EROFS);
        URC_NEED(::mkdir("/x/below/new", 0755) == 0);
        URC_NEED(has_word(mount_line("/x"), "ro,nosuid,nodev,noexec"));
        return "";
    };
    EXPECT_EQ(run(course), "");
}

TEST_F(RootfsMounts, RroIsRecursive) {
    mount("/x", "bind", source_, {"rbind", "rro", "rnoexec"});
    Course course;
    course.host_setup = mount_below_source();
    course.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(::mkdir("/x/new", 0755) < 0 && errno == EROFS);
        URC_NEED(::mkdir("/x/below/new", 0755) < 0 && errno == EROFS);
        URC_NEED(has_word(mount_line("/x/below"), "noexec"));
        return "";
    };
    EXPECT_EQ(run(course), "");
}

TEST_F(RootfsMounts, PlainBindKeepsInheritedFlagsAndClearingOptionsDropThem) {
    bind(source_ + "/below", "/kept");
    bind(source_ + "/below", "/cleared", {"rw", "suid", "dev", "exec", "atime", "diratime"});
    bind(source_ + "/below", "/twice", {"rw", "ro", "relatime"});
    Course course;
    course.host_setup = [this](RootfsPlan&) -> std::string {
        URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
        URC_NEED(::mount("tmpfs", (source_ + "/below").c_str(), "tmpfs",
                         MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME, "") == 0);
        URC_NEED(::mount("none", (source_ + "/below").c_str(), nullptr,
                         MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
                         "") == 0);
        URC_NEED(::mount("none", (source_ + "/below").c_str(), nullptr, MS_REMOUNT, "") == 0);
        URC_NEED(::mount("none", (source_ + "/below").c_str(), nullptr,
                         MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
                         "") == 0);
        return "";
    };
    course.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(has_word(mount_line("/kept"), "ro,nosuid,nodev,noexec,noatime"));
        URC_NEED(has_word(mount_line("/cleared"), "rw,relatime"));
        URC_NEED(has_word(mount_line("/twice"), "ro,nosuid,nodev,noexec,relatime"));
        return "";
    };
    EXPECT_EQ(run(course), "");
}

TEST_F(RootfsMounts, NosymfollowIsSetAndCleared) {
    bind(source_, "/x", {"nosymfollow"});
    bind(source_, "/y", {"nosymfollow", "symfollow"});
    ASSERT_EQ(::symlink("file", (source_ + "/link").c_str()), 0);
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(::open("/x/link", O_RDONLY) < 0 && errno == ELOOP);
                  URC_NEED(slurp("/y/link") == "content");
                  return "";
              }),
              "");
}

TEST_F(RootfsMounts, PropagationOfAMountIsAppliedInOrder) {
    mount("/slave", "bind", source_, {"rbind", "rslave"});
    mount("/shared", "bind", source_, {"rbind", "rprivate", "shared"});
    mount("/private", "bind", source_, {"rbind", "rprivate"});
    mount("/unbindable", "tmpfs", "tmpfs", {"unbindable"});
    Course course;
    course.host_setup = [this](RootfsPlan&) -> std::string {
        URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
        URC_NEED(::mount(source_.c_str(), source_.c_str(), nullptr, MS_BIND, nullptr) == 0);
        URC_NEED(::mount("none", source_.c_str(), nullptr, MS_SHARED, nullptr) == 0);
        URC_NEED(::unshare(CLONE_NEWNS) == 0);
        return "";
    };
    course.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(mount_line("/slave").find("master:") != std::string::npos);
        URC_NEED(mount_line("/slave").find("shared:") == std::string::npos);
        URC_NEED(mount_line("/shared").find("shared:") != std::string::npos);
        URC_NEED(mount_line("/private").find("master:") == std::string::npos);
        URC_NEED(mount_line("/unbindable").find("unbindable") != std::string::npos);
        return "";
    };
    EXPECT_EQ(run(course), "");
}

// ---- destinations
// -------------------------------------------------------------------------------------------

TEST_F(RootfsMounts, DestinationThroughASymlinkStaysInTheRoot) {
    std::filesystem::create_directories(bundle_ + "/outside");
    std::filesystem::create_symlink(bundle_ + "/outside", rootfs_ + "/absolute");
    std::filesystem::create_symlink("../outside", rootfs_ + "/relative");
    bind(source_, "/absolute/x");
    bind(source_ + "/file", "/relative/y");
    EXPECT_EQ(run(), "");
    EXPECT_TRUE(std::filesystem::is_empty(bundle_ + "/outside"));
    EXPECT_TRUE(exists(rootfs_ + bundle_ + "/outside/x"));
    EXPECT_TRUE(exists(rootfs_ + "/outside/y"));
}

TEST_F(RootfsMounts, DotDotInADestinationStaysInTheRoot) {
    bind(source_, "/../../../x");
    EXPECT_EQ(run(), "");
    EXPECT_TRUE(exists(rootfs_ + "/x"));
}

TEST_F(RootfsMounts, MountOnTheRootItselfBecomesTheRoot) {
    bind(source_, "/");
    bind(source_ + "/file", "/copy");
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(slurp("/copy") == "content" && slurp("/file") == "content");
                  return "";
              }),
              "");
}

// ---- file systems
// -------------------------------------------------------------------------------------------

TEST_F(RootfsMounts, TmpfsWithoutModeTakesThatOfTheDirectoryAndWorldWritableWhenMade) {
    std::filesystem::create_directories(rootfs_ + "/there");
    ASSERT_EQ(::chmod((rootfs_ + "/there").c_str(), 07751), 0);
    mount_dev();
    mount("/there", "tmpfs", "tmpfs");
    mount("/made", "tmpfs", "tmpfs");
    mount("/dev/made", "tmpfs", "tmpfs");
    mount("/given", "tmpfs", "tmpfs", {"mode=0444"});
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(run([i](RootfsPlan&) -> std::string {
                      URC_NEED(mode_of("/there") == 07751);
                      URC_NEED(i == 1 || mode_of("/made") == 01777);
                      URC_NEED(mode_of("/dev/made") == 01777);
                      URC_NEED(mode_of("/given") == 0444);
                      return "";
                  }),
                  "");
}

TEST_F(RootfsMounts, ReadonlyTmpfsIsFilledFirst) {
    mount("/ro", "tmpfs", "tmpfs", {"ro"});
    bind(source_, "/ro/x");
    mount("/dev", "tmpfs", "tmpfs", {"ro", "mode=755"});
    mount_devpts();
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(slurp("/ro/x/file") == "content");
                  URC_NEED(::mkdir("/ro/y", 0755) < 0 && errno == EROFS);
                  URC_NEED(is_device("/dev/null", 1, 3));
                  URC_NEED(::mkdir("/dev/y", 0755) < 0 && errno == EROFS);
                  return "";
              }),
              "");
}

TEST_F(RootfsMounts, ParameterThatTheFileSystemRefusesIsNamed) {
    mount("/x", "tmpfs", "tmpfs", {"nonsense=1"});
    EXPECT_EQ(run(), "mount tmpfs on /x: tmpfs: Unknown parameter 'nonsense': Invalid argument");
}

TEST_F(RootfsMounts, UnknownFileSystemIsAnError) {
    mount("/x", "nonsensefs", "x");
    EXPECT_EQ(run(), "mount nonsensefs on /x: No such device");
}

TEST_F(RootfsMounts, OverlayIsMounted) {
    std::filesystem::create_directories(bundle_ + "/upper");
    std::filesystem::create_directories(bundle_ + "/work");
    mount("/x", "overlay", "overlay",
          {"lowerdir=" + source_, "upperdir=" + bundle_ + "/upper", "workdir=" + bundle_ + "/work"});
    std::string wrong = run([](RootfsPlan&) -> std::string {
        URC_NEED(slurp("/x/file") == "content");
        return "";
    });
    if (wrong.starts_with("mount overlay on /x:")) GTEST_SKIP() << wrong;
    EXPECT_EQ(wrong, "");
}

TEST_F(RootfsMounts, ParametersLongerThanFsconfigTakesAreMountedAsWell) {
    std::string lower = source_;
    for (int i = 0; i < 20; ++i) {
        std::string layer = bundle_ + "/layer-with-a-rather-long-name-" + std::to_string(i);
        std::filesystem::create_directories(layer);
        lower = layer + ":" + lower;
    }
    ASSERT_GT(lower.size(), 256U);
    mount("/x", "overlay", "overlay", {"lowerdir=" + lower, "nosuid", "noatime", "ro", "rprivate"});
    std::string wrong = run([](RootfsPlan&) -> std::string {
        URC_NEED(slurp("/x/file") == "content");
        URC_NEED(has_word(mount_line("/x"), "ro,nosuid,noatime"));
        URC_NEED(mountinfo_inside().find("scratch") == std::string::npos);
        return "";
    });
    if (wrong.starts_with("mount overlay on /x: No such device")) GTEST_SKIP() << wrong;
    EXPECT_EQ(wrong, "");
}

TEST_F(RootfsMounts, RemountAddsAttributesAndChangesData) {
    mount("/x", "tmpfs", "tmpfs", {"nosuid", "size=64k"});
    mount("/x", "tmpfs", "tmpfs", {"remount", "ro", "size=128k"});
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(has_word(mount_line("/x"), "ro,nosuid"));
                  URC_NEED(has_word(mount_line("/x"), "size=128k"));
                  return "";
              }),
              "");
}

// ---- /proc and /sys
// -----------------------------------------------------------------------------------------

TEST_F(RootfsMounts, Cve_2023_27561_SymlinkInPlaceOfProcOrSysIsRefused) {
    std::filesystem::create_directories(rootfs_ + "/tmp/x");
    std::filesystem::create_symlink("/tmp/x", rootfs_ + "/proc");
    std::filesystem::create_symlink("tmp/x", rootfs_ + "/sys");
    mount_proc();
    EXPECT_EQ(run(), "mount proc on /proc: filesystem \"proc\" must be mounted on ordinary directory");
    spec_.mounts.clear();
    mount_sys();
    EXPECT_EQ(run(), "mount sysfs on /sys: filesystem \"sysfs\" must be mounted on ordinary directory");
    spec_.mounts.clear();
    bind("/sys", "/sys", {"rbind"});
    EXPECT_EQ(run(), "mount /sys on /sys: filesystem \"bind\" must be mounted on ordinary directory");
    EXPECT_TRUE(std::filesystem::is_empty(rootfs_ + "/tmp/x"));
}

TEST_F(RootfsMounts, Cve_2019_19921_OnlyAProcfsGoesToProc) {
    bind(source_, "/proc");
    EXPECT_EQ(run(),
              "mount " + source_ + " on /proc: \"/proc\" cannot be mounted because it is not of type proc");
    spec_.mounts.clear();
    mount("/proc", "tmpfs", "tmpfs");
    EXPECT_EQ(run(), "mount tmpfs on /proc: \"/proc\" cannot be mounted because it is not of type proc");
    spec_.mounts.clear();
    bind("/proc/sys", "/proc");
    EXPECT_EQ(run(), "mount /proc/sys on /proc: \"/proc\" cannot be mounted because it is not of type proc");
    spec_.mounts.clear();
    bind("/proc", "/proc", {"rbind"});
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(exists("/proc/version"));
                  return "";
              }),
              "");
}

TEST_F(RootfsMounts, Cve_2019_16884_NothingIsMountedInsideProcButTheAllowedFiles) {
    mount_proc();
    bind(source_, "/proc/self/attr");
    EXPECT_EQ(
        run(),
        "mount bind on /proc/self/attr: \"/proc/self/attr\" cannot be mounted because it is inside /proc");
    spec_.mounts.pop_back();
    bind(source_, "/x/../proc/sys");
    EXPECT_NE(run(), "");
    spec_.mounts.pop_back();
    for (const char* name : {"/proc/cpuinfo", "/proc/meminfo", "/proc/uptime"}) bind(source_ + "/file", name);
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(slurp("/proc/meminfo") == "content");
                  return "";
              }),
              "");
}

TEST_F(RootfsMounts, Cve_2019_19921_VolumeWithASymlinkIntoProcIsRefused) {
    mount_proc();
    std::filesystem::create_symlink("/proc/sys/kernel", rootfs_ + "/innocent");
    bind(source_, "/innocent");
    EXPECT_EQ(run(), "mount " + source_ +
                         " on /innocent: \"/innocent\" cannot be mounted because it is inside /proc");
}

TEST_F(RootfsMounts, Cve_2025_52881_SysctlsAreNotWrittenToACover) {
    // /proc is not urc's mount here but the host's with a cover, as a shared mount could bring it.
    mount_proc();
    spill(source_ + "/fake", "untouched");
    Course course;
    course.before_pivot = [this](RootfsPlan& plan) -> std::string {
        std::string target = "/proc/self/fd/" + std::to_string(plan.proc.get()) + "/sys/kernel/hostname";
        URC_NEED(::mount((source_ + "/fake").c_str(), target.c_str(), nullptr, MS_BIND, nullptr) == 0);
        auto written = write_sysctls(plan, {{"kernel.hostname", "redirected"}});
        return written.ok() ? "written" : written.error().text();
    };
    EXPECT_EQ(run(course), "write sysctl: kernel.hostname: Invalid cross-device link");
    EXPECT_EQ(slurp(source_ + "/fake"), "untouched");
}

TEST_F(RootfsMounts, SysctlsAreWrittenWithBothSeparators) {
    mount_proc();
    Course course;
    course.before_pivot = [](RootfsPlan& plan) -> std::string {
        auto written = write_sysctls(plan, {{"net.ipv4.ip_forward", "1"}, {"kernel/domainname", "urc.test"}});
        if (!written.ok()) return written.error().text();
        plan.proc.reset();  // the same through a procfs of its own
        written = write_sysctls(plan, {{"net.ipv4.conf.lo.forwarding", "0"}});
        if (!written.ok()) return written.error().text();
        for (const char* key :
             {"net.ipv4.../../kernel.core_pattern", "net/../kernel/core_pattern", "net//ipv4", ""}) {
            written = write_sysctls(plan, {{key, "x"}});
            URC_NEED(!written.ok() && written.error().code() == EINVAL);
        }
        return "";
    };
    course.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(slurp("/proc/sys/net/ipv4/ip_forward") == "1\n");
        URC_NEED(slurp("/proc/sys/kernel/domainname") == "urc.test\n");
        URC_NEED(slurp("/proc/sys/net/ipv4/conf/lo/forwarding") == "0\n");
        return "";
    };
    EXPECT_EQ(run(course), "");
}

}  // namespace
}  // namespace urc::child::testing
