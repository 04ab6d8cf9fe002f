// Id-mapped mounts: the owners of files as the container sees them.
#include "core/child/mount_calls.h"
#include "core/process/user_namespace.h"
#include "tests/core/child/rootfs_fixture.h"

namespace urc::child::testing {
namespace {

class RootfsIdmap : public RootfsTest {
protected:
    void SetUp() override {
        RootfsTest::SetUp();
        if (bundle_.empty()) return;
        source_ = bundle_ + "/source";
        std::filesystem::create_directories(source_ + "/below");
        spill(source_ + "/file", "content");
        spill(source_ + "/root", "content");
        ASSERT_EQ(::chown((source_ + "/file").c_str(), 5, 6), 0);
        if (!is_supported_here()) GTEST_SKIP() << "the file system of /tmp has no id-mapped mounts";
    }
    spec::Mount& mapped(const std::string& destination, std::vector<std::string> options = {},
                        std::vector<spec::IdMapping> map = {{0, 100000, 65536}}) {
        spec::Mount& made = bind(source_, destination, std::move(options));
        made.uid_mappings = made.gid_mappings = std::move(map);
        return made;
    }
    // The whole bundle belongs to the container's root, but for the source.
    Course in_user_namespace() {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(rootfs_))
            (void)::lchown(entry.path().c_str(), 100000, 100000);
        (void)::chown(rootfs_.c_str(), 100000, 100000);
        spec_.linux.uid_mappings = spec_.linux.gid_mappings = {{0, 100000, 65536}};
        options_.is_userns = true;
        Course course;
        course.has_userns = true;
        course.uid_map = "0 100000 65536";
        return course;
    }
    std::string source_;

private:
    bool is_supported_here() {
        const std::vector<spec::IdMapping> map{{0, 1, 1}};
        auto made = process::make_user_namespace({map, map});
        auto tree = clone_tree(source_.c_str(), Tree::single, "probe");
        if (!made.ok() || !tree.ok()) return false;
        struct mount_attr attributes = {};
        attributes.attr_set = MOUNT_ATTR_IDMAP;
        attributes.userns_fd = static_cast<std::uint64_t>(made->get());
        return ::mount_setattr(tree->get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0;
    }
};

bool is_owned(const std::string& path, uid_t uid, gid_t gid) {
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0 && status.st_uid == uid && status.st_gid == gid;
}

TEST_F(RootfsIdmap, OwnMapsActWithoutAUserNamespace) {
    mapped("/x");
    bind(source_, "/plain");
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(is_owned("/x/file", 100005, 100006));
                  URC_NEED(is_owned("/x/root", 100000, 100000));
                  URC_NEED(is_owned("/plain/file", 5, 6));
                  // The container's own root is none of the mapped ids.
                  URC_NEED(::mkdir("/x/new", 0755) < 0 && errno == EOVERFLOW);
                  return "";
              }),
              "");
}

TEST_F(RootfsIdmap, RelativeSourceAndOtherAttributesGoTogether) {
    mapped("/x", {"ro", "nosuid"}).source = "source";
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(is_owned("/x/file", 100005, 100006));
                  URC_NEED(has_word(mount_line("/x"), "ro,nosuid,relatime,idmapped"));
                  return "";
              }),
              "");
}

TEST_F(RootfsIdmap, OptionAloneTakesTheMapsOfTheContainer) {
    bind(source_, "/x", {"idmap"});
    bind(source_, "/plain");
    mount_proc();  // else a user namespace may not mount one to look around
    Course course = in_user_namespace();
    course.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(is_owned("/x/file", 5, 6) && is_owned("/x/root", 0, 0));
        URC_NEED(is_owned("/plain/root", 65534, 65534));
        URC_NEED(::mkdir("/x/new", 0755) == 0 && is_owned("/x/new", 0, 0));
        return "";
    };
    EXPECT_EQ(run(course), "");
    EXPECT_TRUE(is_owned(source_ + "/new", 0, 0));
}

TEST_F(RootfsIdmap, OwnMapsGoBeforeThoseOfTheContainer) {
    mapped("/x", {"idmap"}, {{5, 100001, 1}});
    mount_proc();
    Course course = in_user_namespace();
    course.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(is_owned("/x/file", 1, 65534));
        URC_NEED(is_owned("/x/root", 65534, 65534));
        return "";
    };
    EXPECT_EQ(run(course), "");
}

TEST_F(RootfsIdmap, SourceThatOnlyRealRootReachesIsMapped) {
    ASSERT_EQ(::chmod(bundle_.c_str(), 0700), 0);
    bind(source_, "/x", {"idmap"});
    Course course = in_user_namespace();
    course.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(is_owned("/x/root", 0, 0));
        return "";
    };
    EXPECT_EQ(run(course), "");
}

TEST_F(RootfsIdmap, MapsOfAJoinedUserNamespaceAreTaken) {
    const std::vector<spec::IdMapping> map{{0, 300000, 10}};
    auto joined = process::make_user_namespace({map, map});
    ASSERT_TRUE(joined.ok());
    options_.joined_user_namespace = joined->get();
    spec_.linux.uid_mappings = spec_.linux.gid_mappings = {{0, 7, 1}};  // a copy, which nobody needs
    bind(source_, "/x", {"idmap"});
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(is_owned("/x/file", 300005, 300006));
                  return "";
              }),
              "");
}

TEST_F(RootfsIdmap, OnlyRidmapReachesTheMountsBelow) {
    mapped("/single", {"rbind"});
    mapped("/all", {"rbind", "ridmap"});
    Course course;
    course.host_setup = [this](RootfsPlan&) -> std::string {
        URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
        URC_NEED(::mount(source_.c_str(), (source_ + "/below").c_str(), nullptr, MS_BIND, nullptr) == 0);
        return "";
    };
    course.inside = [](RootfsPlan&) -> std::string {
        URC_NEED(is_owned("/single/file", 100005, 100006) && is_owned("/single/below/file", 5, 6));
        URC_NEED(is_owned("/all/file", 100005, 100006) && is_owned("/all/below/file", 100005, 100006));
        return "";
    };
    EXPECT_EQ(run(course), "");
}

TEST_F(RootfsIdmap, SameMapsShareANamespaceAndOthersDoNot) {
    mapped("/a");
    mapped("/b", {"ridmap"});
    mapped("/c", {}, {{0, 100000, 1}});
    auto plan = plan_rootfs(spec_, options_);
    ASSERT_TRUE(plan.ok()) << plan.error().text();
    EXPECT_EQ(plan->id_mappings.size(), 2U);
    EXPECT_EQ(plan->mounts[0].id_mapping, plan->mounts[1].id_mapping);
    EXPECT_NE(plan->mounts[0].id_mapping, plan->mounts[2].id_mapping);
}

TEST_F(RootfsIdmap, FileSystemWithoutIdMappedMountsIsNamed) {
    mapped("/x").source = "/proc/cpuinfo";
    EXPECT_EQ(run(),
              "mount /proc/cpuinfo on /x: map ids: a file system here does not support it: Invalid argument");
    EXPECT_FALSE(exists(rootfs_ + "/x"));
}

TEST_F(RootfsIdmap, WhatIsMappedAlreadyIsNotMappedAgain) {
    mapped("/x");
    std::string second = bundle_ + "/second";
    std::filesystem::create_directories(second);
    Course course;
    course.host_setup = [&](RootfsPlan& plan) -> std::string {
        URC_NEED(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
        auto tree = clone_tree(source_.c_str(), Tree::single, "setup");
        struct mount_attr attributes = {};
        attributes.attr_set = MOUNT_ATTR_IDMAP;
        attributes.userns_fd = static_cast<std::uint64_t>(plan.id_mappings[0].user_namespace.get());
        URC_NEED(::mount_setattr(tree->get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0);
        URC_NEED(::move_mount(tree->get(), "", AT_FDCWD, source_.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0);
        return "";
    };
    EXPECT_EQ(run(course), "mount " + source_ + " on /x: map ids: Operation not permitted");
}

TEST_F(RootfsIdmap, NothingButABindCanHaveThem) {
    mount("/x", "tmpfs", "tmpfs").uid_mappings = {{0, 1, 1}};
    EXPECT_EQ(run(), "mount tmpfs on /x: only bind mounts can have mapped ids");
}

}  // namespace
}  // namespace urc::child::testing
