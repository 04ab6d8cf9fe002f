// Configurations like docker's, from the plan to the last mask, and what is refused on the way.
#include "tests/core/child/rootfs_fixture.h"

namespace urc::child::testing {
namespace {

class Rootfs : public RootfsTest {};

TEST_F(Rootfs, DockerLikeConfigurationIsMountedPivotedAndMasked) {
    docker_like();
    std::string wrong = run([](RootfsPlan&) -> std::string {
        URC_NEED(has_word(mount_line("/proc"), "nosuid,nodev,noexec,relatime"));
        URC_NEED(has_word(mount_line("/dev"), "size=65536k"));
        URC_NEED(has_word(mount_line("/dev/pts"), "ptmxmode=666"));
        URC_NEED(has_word(mount_line("/dev/mqueue"), "mqueue"));
        URC_NEED(has_word(mount_line("/dev/shm"), "shm"));
        URC_NEED(has_word(mount_line("/sys"), "ro"));
        URC_NEED(has_word(mount_line("/sys/fs/cgroup"), "ro"));
        URC_NEED(is_device("/dev/null", 1, 3) && is_device("/dev/tty", 5, 0));
        URC_NEED(is_device("/proc/timer_list", 1, 3) && is_device("/proc/keys", 1, 3));
        URC_NEED(has_word(mount_line("/proc/sys"), "ro"));
        URC_NEED(::open("/proc/sys/kernel/hostname", O_WRONLY) < 0 && errno == EROFS);
        URC_NEED(std::filesystem::is_empty("/sys/firmware"));
        URC_NEED(::mkdir("/sys/firmware/x", 0755) < 0 && errno == EROFS);
        URC_NEED(slurp("/proc/1/comm") == slurp("/proc/self/comm"));
        URC_NEED(cwd() == "/");
        return "";
    });
    EXPECT_EQ(wrong, "");
}

TEST_F(Rootfs, NothingOfTheHostIsLeftInTheMountNamespace) {
    docker_like();
    std::string wrong = run([this](RootfsPlan&) -> std::string {
        URC_NEED(!exists(bundle_));
        std::string all = mountinfo_inside();
        URC_NEED(all.find("/mnt/") == std::string::npos);
        URC_NEED(!mount_line("/").empty());
        return "";
    });
    EXPECT_EQ(wrong, "");
}

TEST_F(Rootfs, ReadonlyRootIsReadOnlyAndItsTmpfsAreNot) {
    docker_like();
    spec_.root->readonly = true;
    std::string wrong = run([](RootfsPlan&) -> std::string {
        URC_NEED(has_word(mount_line("/"), "ro"));
        URC_NEED(::mkdir("/x", 0755) < 0 && errno == EROFS);
        URC_NEED(::mkdir("/dev/shm/x", 0755) == 0);
        return "";
    });
    EXPECT_EQ(wrong, "");
}

TEST_F(Rootfs, DotIsAPathOfARootfs) {
    spec_.root->path = ".";
    options_.bundle = rootfs_;
    spill(rootfs_ + "/marker", "here");
    std::string wrong = run([](RootfsPlan&) -> std::string {
        URC_NEED(slurp("/marker") == "here");
        return "";
    });
    EXPECT_EQ(wrong, "");
}

TEST_F(Rootfs, AbsolutePathOfARootfsIsTaken) {
    spec_.root->path = rootfs_;
    options_.bundle = "/nowhere";
    EXPECT_EQ(run(), "invalid rootfs: open bundle: /nowhere: No such file or directory");
    options_.bundle = bundle_;
    EXPECT_EQ(run(), "");
}

TEST_F(Rootfs, SymlinkAsRootfsIsRefused) {
    ASSERT_EQ(::symlink("rootfs", (bundle_ + "/link").c_str()), 0);
    spec_.root->path = "link";
    EXPECT_EQ(run(), "invalid rootfs: not an absolute path, or a symlink: link");
    spec_.root->path = "link/../rootfs";
    EXPECT_EQ(run(), "invalid rootfs: not an absolute path, or a symlink: link/../rootfs");
}

TEST_F(Rootfs, MissingRootfsIsRefused) {
    spec_.root->path = "nothing";
    EXPECT_EQ(run(), "invalid rootfs: open: nothing: No such file or directory");
}

TEST_F(Rootfs, NoPivotUsesChroot) {
    docker_like();
    options_.no_pivot = true;
    spill(rootfs_ + "/marker", "here");
    std::string wrong = run([this](RootfsPlan&) -> std::string {
        URC_NEED(slurp("/marker") == "here");
        URC_NEED(cwd() == "/");
        URC_NEED(!exists(bundle_));
        URC_NEED(is_device("/proc/keys", 1, 3));
        return "";
    });
    EXPECT_EQ(wrong, "");
}

TEST_F(Rootfs, WithoutAMountNamespaceThereIsOnlyAChroot) {
    std::erase_if(spec_.linux.namespaces,
                  [](const auto& one) { return one.type == spec::NamespaceType::mount; });
    mount_proc();
    spill(rootfs_ + "/marker", "here");
    std::string wrong = run([](RootfsPlan& plan) -> std::string {
        URC_NEED(!plan.has_mount_namespace);
        URC_NEED(slurp("/marker") == "here");
        URC_NEED(!exists("/proc"));
        return "";
    });
    EXPECT_EQ(wrong, "");
}

TEST_F(Rootfs, MasksWithoutAMountNamespaceAreRefused) {
    std::erase_if(spec_.linux.namespaces,
                  [](const auto& one) { return one.type == spec::NamespaceType::mount; });
    spec_.linux.masked_paths = {"/proc/kcore"};
    EXPECT_EQ(run(), "unable to restrict sys entries without a private MNT namespace");
}

TEST_F(Rootfs, EveryDescriptorIsCloseOnExecFromBirth) {
    docker_like();
    auto inherited = [] {
        int count = 0;
        for (int fd = 3; fd < 256; ++fd) {
            int flags = ::fcntl(fd, F_GETFD);
            count += flags >= 0 && (flags & FD_CLOEXEC) == 0 ? 1 : 0;
        }
        return count;
    };
    int before = inherited();  // those of whoever runs the tests
    std::string wrong = run([&](RootfsPlan& plan) -> std::string {
        URC_NEED(plan.root && plan.dev && plan.proc);
        URC_NEED(inherited() == before);
        return "";
    });
    EXPECT_EQ(wrong, "");
}

// ---- rootfsPropagation
// --------------------------------------------------------------------------------------

// The rootfs on a shared mount of its own, as on a host where systemd made everything shared.
class RootfsPropagation : public RootfsTest {
protected:
    // Runs with the host's mounts shared; `inside` sees the root's line in mountinfo.
    std::string root_line_with(spec::Propagation propagation) {
        spec_.linux.rootfs_propagation = propagation;
        mount_dev();
        Course course;
        course.host_setup = [this](RootfsPlan&) -> std::string {
            URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
            URC_NEED(::mount(bundle_.c_str(), bundle_.c_str(), nullptr, MS_BIND, nullptr) == 0);
            URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_SHARED, nullptr) == 0);
            // The container's namespace is a copy, as clone3 would make it.
            URC_NEED(::unshare(CLONE_NEWNS) == 0);
            return "";
        };
        course.inside = [](RootfsPlan&) -> std::string { return "LINE " + mount_line("/"); };
        return run(course);
    }
};

TEST_F(RootfsPropagation, UnsetEndsAsSlave) {
    std::string line = root_line_with(spec::Propagation::unset);
    EXPECT_NE(line.find("master:"), std::string::npos) << line;
    EXPECT_EQ(line.find("shared:"), std::string::npos) << line;
}

TEST_F(RootfsPropagation, SharedEndsAsShared) {
    for (auto one : {spec::Propagation::shared, spec::Propagation::rshared}) {
        spec_.mounts.clear();
        std::string line = root_line_with(one);
        EXPECT_NE(line.find("shared:"), std::string::npos) << line;
    }
}

TEST_F(RootfsPropagation, SlaveEndsAsSlave) {
    for (auto one : {spec::Propagation::slave, spec::Propagation::rslave}) {
        spec_.mounts.clear();
        std::string line = root_line_with(one);
        EXPECT_NE(line.find("master:"), std::string::npos) << line;
    }
}

TEST_F(RootfsPropagation, PrivateEndsAsPrivate) {
    for (auto one : {spec::Propagation::priv, spec::Propagation::rprivate}) {
        spec_.mounts.clear();
        std::string line = root_line_with(one);
        EXPECT_EQ(line.substr(0, 5), "LINE ") << line;
        EXPECT_EQ(line.find("shared:"), std::string::npos) << line;
        EXPECT_EQ(line.find("master:"), std::string::npos) << line;
    }
}

TEST_F(RootfsPropagation, UnbindableEndsAsUnbindable) {
    for (auto one : {spec::Propagation::unbindable, spec::Propagation::runbindable}) {
        spec_.mounts.clear();
        std::string line = root_line_with(one);
        EXPECT_NE(line.find("unbindable"), std::string::npos) << line;
    }
}

TEST_F(RootfsPropagation, NoMountOfTheContainerReachesTheHostAndNoneOfTheHostsIsLost) {
    using enum spec::Propagation;
    for (auto one : {unset, shared, rshared, slave, priv, rprivate, unbindable}) {
        spec_.mounts.clear();
        spec_.linux.rootfs_propagation = one;
        docker_like();
        Course course;
        course.host_setup = [this](RootfsPlan&) -> std::string {
            URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
            URC_NEED(::mount(bundle_.c_str(), bundle_.c_str(), nullptr, MS_BIND, nullptr) == 0);
            URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_SHARED, nullptr) == 0);
            host_mountinfo_ = ::open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC);
            before_ = read_again(host_mountinfo_);
            URC_NEED(!before_.empty());
            URC_NEED(::unshare(CLONE_NEWNS) == 0);
            return "";
        };
        course.inside = [this](RootfsPlan&) -> std::string {
            URC_NEED(read_again(host_mountinfo_) == before_);
            return "";
        };
        EXPECT_EQ(run(course), "") << static_cast<int>(one);
    }
}

}  // namespace
}  // namespace urc::child::testing
