// When the container's root owns its cgroup, and what it is given. On real cgroup2 where there is one.
#include "core/lifecycle/delegate.h"

#include "live_container.h"
#include "tests/core/cgroup/fixture.h"

namespace urc {
namespace {

spec::Spec delegating() {
    spec::Spec spec;
    spec.linux.namespaces = {{spec::NamespaceType::user, ""}, {spec::NamespaceType::cgroup, ""}};
    spec.linux.uid_mappings = {{1, 1, 1}, {0, 100000, 65536}};
    spec.linux.gid_mappings = {{0, 200000, 65536}};
    spec::Mount mount;
    mount.destination = "/sys/fs/cgroup";
    mount.type = "cgroup";
    mount.options = {"nosuid", "rw"};
    spec.mounts = {mount};
    return spec;
}

TEST(Delegate, NeedsBothNamespacesAndAWritableMount) {
    EXPECT_TRUE(owns_cgroup(delegating()));
    spec::Spec spec = delegating();
    spec.linux.namespaces.pop_back();
    EXPECT_FALSE(owns_cgroup(spec)) << "the host's cgroup namespace";
    spec = delegating();
    spec.linux.namespaces[0].path = "/proc/1/ns/user";
    EXPECT_FALSE(owns_cgroup(spec)) << "somebody else's user namespace";
    spec = delegating();
    spec.mounts[0].options.emplace_back("ro");
    EXPECT_FALSE(owns_cgroup(spec));
    spec.mounts.clear();
    EXPECT_FALSE(owns_cgroup(spec));
}

TEST(Delegate, TheDirectoryAndItsFilesChangeOwner) {
    if (::geteuid() != 0) GTEST_SKIP() << "giving files away needs root";
    cgroup::TempDir dir;
    for (const char* file : {"cgroup.procs", "cgroup.subtree_control", "memory.max"})
        cgroup::spit(dir / file);
    auto group = cgroup::Cgroup::open({.paths = {{"", dir.path()}}, .made = {}});
    ASSERT_TRUE(group);
    auto given = delegate_cgroup(delegating(), *group, false);
    ASSERT_TRUE(given) << given.error().text();
    struct stat status {};
    for (const char* name : {"", "cgroup.procs", "cgroup.subtree_control"}) {
        ASSERT_EQ(::stat((dir / name).c_str(), &status), 0);
        EXPECT_EQ(status.st_uid, 100000u) << name;
        EXPECT_EQ(status.st_gid, 200000u) << name;
    }
    ASSERT_EQ(::stat((dir / "memory.max").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0u) << "the limits stay ours";
}

TEST(Delegate, V1IsNeverGivenAway) {
    cgroup::TempDir dir;
    cgroup::spit(dir / "cgroup.procs");
    auto group = cgroup::Cgroup::open({.paths = {{"memory", dir.path()}}, .made = {}});
    ASSERT_TRUE(delegate_cgroup(delegating(), *group, false));
    struct stat status {};
    ASSERT_EQ(::stat(dir.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, ::geteuid());
}

}  // namespace
}  // namespace urc
