#include "core/cgroup/layout.h"

#include <gtest/gtest.h>

#include "core/cgroup/cgroup.h"
#include "tests/core/cgroup/fixture.h"

namespace urc::cgroup {
namespace {

constexpr const char* kHybrid =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 /docker/abc /sys/fs/cgroup/me\\040mory ro - cgroup cgroup rw,memory\n"
    "34 31 0:30 / /elsewhere ro - cgroup cgroup rw,memory\n"
    "35 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "36 31 0:38 / /sys/fs/cgroup/elogind rw - cgroup cgroup rw,name=elogind\n"
    "37 31 0:39 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

TEST(CgroupLayout, MountinfoOfAHybridHostIsUnderstood) {
    Layout layout = parse_mountinfo(kHybrid);
    EXPECT_EQ(layout.version(), Version::v1);
    ASSERT_EQ(layout.hierarchies().size(), 4U);
    const auto& all = layout.hierarchies();
    EXPECT_TRUE(all[0].controllers.has(Controller::cpu));
    EXPECT_TRUE(all[0].controllers.has(Controller::cpuacct));
    EXPECT_FALSE(all[0].controllers.has(Controller::cpuset));
    EXPECT_EQ(all[1].mount_point, "/sys/fs/cgroup/me mory");
    EXPECT_TRUE(all[2].controllers.has(Controller::systemd));
    EXPECT_TRUE(all[3].is_v2());
}

TEST(CgroupLayout, MountinfoWithCgroup2AloneIsV2AndWithNothingNone) {
    EXPECT_EQ(parse_mountinfo("1 2 0:3 / /cg rw - cgroup2 cgroup2 rw\n").version(), Version::v2);
    EXPECT_EQ(parse_mountinfo("1 2 0:3 / /proc rw - proc proc rw\n").version(), Version::none);
    EXPECT_EQ(parse_mountinfo("nonsense\n\n - cgroup").version(), Version::none);
}

TEST(CgroupLayout, OwnPathIsThatOfTheHierarchySeenFromItsMount) {
    constexpr const char* kOwn =
        "4:memory:/docker/abc/x\n3:cpu,cpuacct:/u/v\n1:name=systemd:/s\n0::/two/../three\n";
    Layout layout = parse_mountinfo(kHybrid);
    const auto& all = layout.hierarchies();
    EXPECT_EQ(own_path(all[0], kOwn, kHybrid), "/u/v");
    EXPECT_EQ(own_path(all[1], kOwn, kHybrid), "/x");
    EXPECT_EQ(own_path(all[2], kOwn, kHybrid), "/s");
    EXPECT_EQ(own_path(all[3], kOwn, kHybrid), "/three");
    // Outside of what is mounted; a name that merely begins the same.
    EXPECT_EQ(own_path(all[1], "4:memory:/docker/abcd/x\n", kHybrid), "/");
    EXPECT_EQ(own_path(all[1], "4:memory:/docker/abc\n", kHybrid), "/");
}

TEST(CgroupLayout, ThisMachineIsDetectedAsMountinfoHasIt) {
    auto detected = Layout::detect();
    ASSERT_TRUE(detected.ok()) << detected.error().text();
    Layout told = parse_mountinfo(slurp("/proc/self/mountinfo"));
    EXPECT_EQ(detected->version(), told.version());
    ControllerSet all_detected, all_told;
    for (const auto& one : detected->hierarchies())
        one.controllers.for_each([&](auto c) { all_detected.add(c); });
    for (const auto& one : told.hierarchies()) one.controllers.for_each([&](auto c) { all_told.add(c); });
    EXPECT_EQ(all_detected, all_told);
}

TEST(CgroupLayout, PlainDirectoriesAreNoHierarchies) {
    TempDir root;
    ::mkdir((root / "memory").c_str(), 0755);
    auto detected = Layout::detect(root.path().c_str());
    ASSERT_TRUE(detected.ok());
    // The mountinfo of this machine answers in their place.
    for (const auto& hierarchy : detected->hierarchies())
        EXPECT_NE(hierarchy.mount_point.compare(0, root.path().size(), root.path()), 0);
}

TEST(CgroupLayout, ControllerNamesGoBothWays) {
    for (const char* name : {"memory", "blkio", "cpu", "pids", "name=systemd", ""}) {
        auto controller = parse_controller(name);
        ASSERT_TRUE(controller.has_value()) << name;
        EXPECT_EQ(controller_name(*controller), name);
    }
    EXPECT_FALSE(parse_controller("name=elogind").has_value());
    EXPECT_TRUE(parse_controllers("rw,name=elogind,,xattr").empty());
}

Layout layout_of(Version version, std::initializer_list<std::pair<Controller, std::string>> mounts) {
    std::vector<Hierarchy> hierarchies;
    for (auto& [controller, point] : mounts) hierarchies.push_back({controller, point});
    return {version, std::move(hierarchies)};
}

std::string prepared_path(const Layout& layout, std::string_view path) {
    auto cgroup = Cgroup::prepare(layout, {.cgroups_path = path, .id = "the-id"});
    return cgroup.ok() ? cgroup->saved().paths.at(0).second : cgroup.error().text();
}

TEST(CgroupLayout, TheCgroupsPathStaysBelowTheMountPoint) {
    Layout layout = layout_of(Version::v1, {{Controller::pids, "/m/pids"}});
    EXPECT_EQ(prepared_path(layout, ""), "/m/pids/the-id");
    EXPECT_EQ(prepared_path(layout, "/a//b"), "/m/pids/a/b");
    EXPECT_EQ(prepared_path(layout, "/../../a"), "/m/pids/a");
    EXPECT_NE(prepared_path(layout, "/..").find("root cgroup"), std::string::npos);
    EXPECT_NE(prepared_path(layout, "/").find("root cgroup"), std::string::npos);
}

TEST(CgroupLayout, ARelativePathIsBelowTheOwnCgroupOnV1AndBesideItOnV2) {
    auto detected = Layout::detect();
    ASSERT_TRUE(detected.ok());
    for (const Hierarchy& hierarchy : detected->hierarchies()) {
        std::string own = own_path(hierarchy, slurp("/proc/self/cgroup"), slurp("/proc/self/mountinfo"));
        Layout one(Version::v1, {hierarchy});
        EXPECT_EQ(prepared_path(one, "rel/x"), hierarchy.mount_point + (own == "/" ? "" : own) + "/rel/x");
        if (!hierarchy.is_v2()) continue;
        std::string beside = std::filesystem::path(own).parent_path();
        Layout two(Version::v2, {hierarchy});
        EXPECT_EQ(prepared_path(two, "rel"), hierarchy.mount_point + (beside == "/" ? "" : beside) + "/rel");
    }
}

TEST(CgroupLayout, WithoutAnyMountOnlyARootlessContainerGoesOn) {
    Layout none(Version::none, {});
    EXPECT_FALSE(Cgroup::create(none, {.cgroups_path = "", .id = "x"}).ok());
    auto rootless = Cgroup::create(none, {.cgroups_path = "", .id = "x", .is_rootless = true});
    ASSERT_TRUE(rootless.ok());
    EXPECT_EQ(rootless->version(), Version::none);
    EXPECT_EQ(rootless->clone_into_fd(), -1);
    spec::Resources resources;
    EXPECT_TRUE(rootless->apply(resources).ok());
    resources.pids_limit = 5;
    auto applied = rootless->apply(resources);
    ASSERT_FALSE(applied.ok());
    EXPECT_NE(applied.error().text().find("cannot set pids limit"), std::string::npos)
        << applied.error().text();
    EXPECT_TRUE(rootless->remove().ok());
    EXPECT_TRUE(rootless->kill(SIGKILL).ok());
}

}  // namespace
}  // namespace urc::cgroup
