#include "core/cgroup/path.h"

#include <gtest/gtest.h>

namespace urc::cgroup {
namespace {

TEST(CgroupPath, CleaningNeverLeavesTheRoot) {
    EXPECT_EQ(clean_path(""), "/");
    EXPECT_EQ(clean_path("/"), "/");
    EXPECT_EQ(clean_path("a"), "/a");
    EXPECT_EQ(clean_path("//a///b/"), "/a/b");
    EXPECT_EQ(clean_path("/a/./b/."), "/a/b");
    EXPECT_EQ(clean_path("/../../../../x/y"), "/x/y");
    EXPECT_EQ(clean_path("a/../../b"), "/b");
    EXPECT_EQ(clean_path("/a/b/../c"), "/a/c");
    EXPECT_EQ(clean_path("/a/.."), "/");
    EXPECT_EQ(clean_path("/..a/b..c/..."), "/..a/b..c/...");
}

TEST(CgroupPath, TheRootIsItsOwnParent) {
    EXPECT_EQ(parent_path("/a/b"), "/a");
    EXPECT_EQ(parent_path("/a"), "/");
    EXPECT_EQ(parent_path("/"), "/");
}

TEST(CgroupPath, OctalEscapesOfMountinfoAreUndone) {
    EXPECT_EQ(unescape_octal("/a\\040b\\134c"), "/a b\\c");
    EXPECT_EQ(unescape_octal("/a\\04"), "/a\\04");
    EXPECT_EQ(unescape_octal("/a\\999"), "/a\\999");
}

}  // namespace
}  // namespace urc::cgroup
