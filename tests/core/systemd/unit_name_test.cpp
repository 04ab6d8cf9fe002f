#include "core/systemd/unit_name.h"

#include <gtest/gtest.h>

namespace urc::systemd {
namespace {

TEST(UnitName, HasThreeParts) {
    auto name = unit_name("machine.slice:libpod:0123", "c1", Instance::system);
    ASSERT_TRUE(name.ok());
    EXPECT_EQ(name->slice, "machine.slice");
    EXPECT_EQ(name->scope, "libpod-0123.scope");
    auto kubelet = unit_name("kubepods-besteffort-pod1_2.slice:cri-containerd:a-b", "c1", Instance::system);
    ASSERT_TRUE(kubelet.ok());
    EXPECT_EQ(kubelet->slice, "kubepods-besteffort-pod1_2.slice");
    EXPECT_EQ(kubelet->scope, "cri-containerd-a-b.scope");
}

TEST(UnitName, DefaultsToTheInstancesSlice) {
    auto system = unit_name("", "c1", Instance::system);
    ASSERT_TRUE(system.ok());
    EXPECT_EQ(system->slice, "system.slice");
    EXPECT_EQ(system->scope, "urc-c1.scope");
    auto user = unit_name(":prefix:name", "c1", Instance::user);
    ASSERT_TRUE(user.ok());
    EXPECT_EQ(user->slice, "user.slice");
    EXPECT_EQ(user->scope, "prefix-name.scope");
}

TEST(UnitName, RefusesOtherPaths) {
    for (const char* path : {"/system.slice/c1", "a.slice", "a.slice:b", "a.slice:b:c:d",
                             "a.slice:b:", "a.slice:b:inner.slice", "a.slice:b/c:d", "a.slice:b:../c"})
        EXPECT_FALSE(unit_name(path, "c1", Instance::system).ok()) << path;
    EXPECT_FALSE(unit_name("", std::string(300, 'x'), Instance::system).ok());
    EXPECT_NE(unit_name("/a", "c", Instance::system).error().text().find("slice:prefix:name"),
              std::string::npos);
}

TEST(SlicePath, IsAPathOfItsOwnPrefixes) {
    auto path = slice_path("a-bc-d.slice");
    ASSERT_TRUE(path.ok());
    EXPECT_EQ(*path, "/a.slice/a-bc.slice/a-bc-d.slice");
    EXPECT_EQ(*slice_path("system.slice"), "/system.slice");
    EXPECT_EQ(*slice_path("-.slice"), "");
}

TEST(SlicePath, RefusesNamesThatAreNone) {
    for (const char* slice : {"", ".slice", "a", "a.scope", "-a.slice", "a-.slice", "a--b.slice", "--.slice",
                              "a/b.slice", "../a.slice"})
        EXPECT_FALSE(slice_path(slice).ok()) << slice;
}

}  // namespace
}  // namespace urc::systemd
