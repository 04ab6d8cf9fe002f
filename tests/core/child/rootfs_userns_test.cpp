// The same steps as root of a user namespace: fewer rights, locked mounts, devices of the host.
#include "tests/core/child/rootfs_fixture.h"

namespace urc::child::testing {
namespace {

class RootfsUserns : public RootfsTest {
protected:
    void SetUp() override {
        RootfsTest::SetUp();
        if (bundle_.empty()) return;
        options_.is_userns = true;
        course_.has_userns = true;
        source_ = bundle_ + "/source";
        std::filesystem::create_directories(source_ + "/below");
        spill(source_ + "/file", "content");
    }
    void without(spec::NamespaceType type, unsigned flag) {
        std::erase_if(spec_.linux.namespaces, [type](const auto& one) { return one.type == type; });
        course_.namespaces &= ~flag;
    }
    // Mounts that the user namespace gets from outside, and so locked.
    void mount_on_host(const std::string& options_text, unsigned long flags) {
        course_.outer_setup = [this, options_text, flags]() -> std::string {
            URC_NEED(::unshare(CLONE_NEWNS) == 0);
            URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
            URC_NEED(::mount("tmpfs", source_.c_str(), "tmpfs", flags, options_text.c_str()) == 0);
            return "";
        };
    }
    Course course_;
    std::string source_;
};

TEST_F(RootfsUserns, DockerLikeConfigurationIsMounted) {
    docker_like();
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(is_device("/dev/null", 1, 3) && is_device("/dev/urandom", 1, 9));
        URC_NEED(has_word(mount_line("/dev/null"), "devtmpfs") || !mount_line("/dev/null").empty());
        URC_NEED(has_word(mount_line("/sys"), "ro"));
        URC_NEED(is_device("/proc/keys", 1, 3));
        URC_NEED(has_word(mount_line("/proc/sys"), "ro"));
        int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        URC_NEED(null >= 0 && ::write(null, "x", 1) == 1);
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsUserns, SourcesThatOnlyRealRootReachesAreOpenedByTheParent) {
    // The rootfs as well: the whole bundle is closed to the container's root.
    std::filesystem::create_directories(rootfs_ + "/x");
    course_.uid_map = "0 100000 65536";
    std::filesystem::create_directories(rootfs_ + "/dev");
    for (const auto& entry : std::filesystem::recursive_directory_iterator(bundle_))
        ASSERT_EQ(::lchown(entry.path().c_str(), 100000, 100000), 0);
    ASSERT_EQ(::chmod(bundle_.c_str(), 0700), 0);
    bind(source_, "/x");
    mount_dev();
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(slurp("/x/file") == "content");
        URC_NEED(is_device("/dev/null", 1, 3));
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsUserns, MissingSourceIsToldByTheParent) {
    bind(bundle_ + "/nothing", "/x");
    EXPECT_EQ(run(course_), "mount " + bundle_ + "/nothing on /x: No such file or directory");
}

TEST_F(RootfsUserns, LockedFlagsStayAndTheRestIsSet) {
    mount_on_host("", MS_NOSUID | MS_NODEV | MS_RDONLY | MS_NOATIME);
    mount_proc();  // else a user namespace may not mount one to look around
    mount("/x", "bind", source_, {"rbind", "rw", "suid", "dev", "noexec", "strictatime"});
    mount("/y", "bind", source_, {"rbind", "ro"});
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(has_word(mount_line("/x"), "ro,nosuid,nodev,noexec,noatime"));
        URC_NEED(has_word(mount_line("/y"), "ro,nosuid,nodev,noatime"));
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsUserns, MountsFromOutsideCannotBeUncovered) {
    mount_on_host("", MS_RDONLY);
    mount("/x", "bind", bundle_, {"rbind"});
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(!exists("/x/source/file"));
        URC_NEED(::umount2("/x/source", MNT_DETACH) < 0 && errno == EINVAL);
        URC_NEED(::mount("none", "/x/source", nullptr, MS_REMOUNT | MS_BIND, nullptr) < 0 && errno == EPERM);
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsUserns, SysfsWithoutANetworkNamespaceIsABindThatStaysReadOnly) {
    without(spec::NamespaceType::network, CLONE_NEWNET);
    mount_proc();
    mount_sys();
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(has_word(mount_line("/sys"), "ro,nosuid,nodev,noexec"));
        URC_NEED(has_word(mount_line("/sys"), "sysfs"));
        // What is mounted below came along, and is no more writable than the rest.
        std::string cgroup = mount_line("/sys/fs/cgroup");
        URC_NEED(cgroup.empty() || has_word(cgroup, "ro") || has_word(cgroup, "ro,nosuid,nodev,noexec"));
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsUserns, ProcWithoutAPidNamespaceIsABind) {
    without(spec::NamespaceType::pid, CLONE_NEWPID);
    mount_proc();
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(exists("/proc/self/status"));
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsUserns, ReadonlyRootIsMade) {
    docker_like();
    spec_.linux.masked_paths.clear();  // with them, nobody may mount a procfs to look around
    spec_.linux.readonly_paths.clear();
    spec_.root->readonly = true;
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(has_word(mount_line("/"), "ro"));
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsUserns, DeviceThatIsAnotherOneOnTheHostIsNotBound) {
    mount_dev();
    spec::Device device;
    device.path = "/dev/zero";
    device.major = 1;
    device.minor = 1;  // /dev/mem
    spec_.linux.devices.push_back(device);
    EXPECT_EQ(run(course_), "device /dev/zero: the host's node of this name is another device");
}

TEST_F(RootfsUserns, SysctlsAreWrittenThroughAProcfsOfTheNamespace) {
    mount_proc();
    course_.before_pivot = [](RootfsPlan& plan) -> std::string {
        auto written = write_sysctls(plan, {{"net.ipv4.ip_forward", "1"}});
        return written.ok() ? "" : written.error().text();
    };
    EXPECT_EQ(run(course_), "");
}

}  // namespace
}  // namespace urc::child::testing
