// Mounts of type `cgroup`, on the real hierarchies of this host.
#include "tests/core/child/rootfs_fixture.h"

namespace urc::child::testing {
namespace {

class RootfsCgroup : public RootfsTest {
protected:
    void SetUp() override {
        RootfsTest::SetUp();
        if (bundle_.empty()) return;
        mount_proc();
        mount_sys();
        mount("/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"});
    }
    void TearDown() override {
        for (const std::string& path : made_) ::rmdir(path.c_str());
        RootfsTest::TearDown();
    }
    // A hierarchy of the host with a directory for the container, or a skip.
    bool add(const std::string& name, const std::string& controllers) {
        std::string mount_point = "/sys/fs/cgroup/" + name;
        if (slurp("/proc/self/mountinfo").find(" " + mount_point + " ") == std::string::npos) return false;
        std::string own = mount_point + "/urc-rootfs-test-" + std::to_string(::getpid());
        if (::mkdir(own.c_str(), 0755) < 0) return false;
        made_.push_back(own);
        options_.cgroups.push_back({controllers, mount_point, own});
        return true;
    }
    void without_cgroup_namespace() {
        std::erase_if(spec_.linux.namespaces,
                      [](const auto& one) { return one.type == spec::NamespaceType::cgroup; });
        course_.namespaces &= ~static_cast<unsigned>(CLONE_NEWCGROUP);
    }
    std::vector<std::string> made_;
    Course course_;
};

TEST_F(RootfsCgroup, V1IsATmpfsWithEveryHierarchyOfTheNamespace) {
    if (!add("memory", "memory") || !add("systemd", "name=systemd")) GTEST_SKIP() << "no cgroup v1 here";
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(has_word(mount_line("/sys/fs/cgroup"), "tmpfs"));
        URC_NEED(has_word(mount_line("/sys/fs/cgroup"), "ro,nosuid,nodev,noexec"));
        URC_NEED(has_word(mount_line("/sys/fs/cgroup/memory"), "ro,nosuid,nodev,noexec"));
        URC_NEED(has_word(mount_line("/sys/fs/cgroup/systemd"), "name=systemd"));
        URC_NEED(::mkdir("/sys/fs/cgroup/memory/x", 0755) < 0 && errno == EROFS);
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsCgroup, V1WithoutANamespaceShowsOnlyTheContainersOwnDirectory) {
    if (!add("memory", "memory")) GTEST_SKIP() << "no cgroup v1 here";
    without_cgroup_namespace();
    ASSERT_EQ(::mkdir((made_[0] + "/marker").c_str(), 0755), 0);
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(exists("/sys/fs/cgroup/memory/marker"));
        return "";
    };
    EXPECT_EQ(run(course_), "");
    ::rmdir((made_[0] + "/marker").c_str());
}

TEST_F(RootfsCgroup, MergedControllersGetLinks) {
    // Bound, not mounted: this host need not have merged them.
    options_.cgroups.push_back({"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", bundle_});
    without_cgroup_namespace();
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(std::filesystem::read_symlink("/sys/fs/cgroup/cpu") == "cpu,cpuacct");
        URC_NEED(std::filesystem::read_symlink("/sys/fs/cgroup/cpuacct") == "cpu,cpuacct");
        URC_NEED(exists("/sys/fs/cgroup/cpuacct/rootfs"));
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsCgroup, V2InItsNamespaceIsANewMount) {
    options_.is_cgroup_v2 = true;
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(has_word(mount_line("/sys/fs/cgroup"), "cgroup2"));
        URC_NEED(has_word(mount_line("/sys/fs/cgroup"), "ro,nosuid,nodev,noexec"));
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsCgroup, V2WithoutANamespaceIsABindOfTheOwnDirectory) {
    options_.is_cgroup_v2 = true;
    options_.cgroups.push_back({"", "/sys/fs/cgroup", bundle_});
    without_cgroup_namespace();
    course_.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(exists("/sys/fs/cgroup/rootfs"));
        URC_NEED(::mkdir("/sys/fs/cgroup/x", 0755) < 0 && errno == EROFS);
        return "";
    };
    EXPECT_EQ(run(course_), "");
}

TEST_F(RootfsCgroup, Cve_2023_25809_RootlessWithoutANamespaceIsReadOnlyOrEmpty) {
    options_.is_cgroup_v2 = true;
    options_.is_rootless = true;
    spec_.mounts.back().options = {"nosuid", "noexec",
                                   "nodev"};  // writable, if it were for the configuration
    without_cgroup_namespace();
    for (const std::string& own : {bundle_, bundle_ + "/gone", std::string()}) {
        options_.cgroups.assign(1, {"", "/sys/fs/cgroup", own});
        course_.inside = [&](RootfsPlan&) -> std::string {
            URC_NEED(::mkdir("/sys/fs/cgroup/user.slice", 0755) < 0 && errno == EROFS);
            URC_NEED(own == bundle_ || std::filesystem::is_empty("/sys/fs/cgroup"));
            return "";
        };
        EXPECT_EQ(run(course_), "");
    }
}

TEST_F(RootfsCgroup, HierarchiesAreDescribedFromTheHostsLayout) {
    using cgroup::Controller;
    cgroup::ControllerSet both(Controller::cpu);
    both.add(Controller::cpuacct);
    cgroup::Layout layout(cgroup::Version::v1, {{both, "/sys/fs/cgroup/cpu,cpuacct"},
                                                {Controller::systemd, "/sys/fs/cgroup/systemd"},
                                                {Controller::unified, "/sys/fs/cgroup/unified"}});
    RootfsOptions options;
    describe_cgroups(options, layout, nullptr);
    EXPECT_FALSE(options.is_cgroup_v2);
    ASSERT_EQ(options.cgroups.size(), 3U);
    EXPECT_EQ(options.cgroups[0].controllers, "cpu,cpuacct");
    EXPECT_EQ(options.cgroups[1].controllers, "name=systemd");
    EXPECT_EQ(options.cgroups[2].controllers, "");
    EXPECT_EQ(options.cgroups[2].own_path, "");
}

}  // namespace
}  // namespace urc::child::testing
