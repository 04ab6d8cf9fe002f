// exec --cgroup: which words are paths below the container's cgroup.
#include "core/cgroup/sub_cgroup.h"

#include <gtest/gtest.h>

namespace urc::cgroup {
namespace {

std::string problem(const std::vector<std::string>& words) {
    auto parsed = parse_sub_cgroups(words);
    return parsed.ok() ? "" : parsed.error().text();
}

TEST(SubCgroup, ReadsPathsWithAndWithoutControllers) {
    EXPECT_TRUE(parse_sub_cgroups({})->empty());
    auto one = parse_sub_cgroups({"a//b/."});
    ASSERT_TRUE(one.ok());
    EXPECT_EQ(one->at(0).controller, "");
    EXPECT_EQ(one->at(0).path, "/a/b");
    auto more = parse_sub_cgroups({"cpu,cpuacct:/x", "name=systemd:y:z"});
    ASSERT_TRUE(more.ok());
    ASSERT_EQ(more->size(), 3u);
    EXPECT_EQ(more->at(1).controller, "cpuacct");
    EXPECT_EQ(more->at(1).path, "/x");
    EXPECT_EQ(more->at(2).controller, "name=systemd");
    EXPECT_EQ(more->at(2).path, "/y:z");
    EXPECT_EQ(parse_sub_cgroups({"/"})->at(0).path, "/");
}

TEST(SubCgroup, RefusesEveryWayUp) {
    for (const char* word : {"..", "../x", "a/../../b", "a/..", "/..", "cpu:..", "cpu:a/../b"})
        EXPECT_TRUE(problem({word}).starts_with("bad sub cgroup path: ")) << word << ": " << problem({word});
    EXPECT_EQ(problem({"..a/b.."}), "");
}

TEST(SubCgroup, RefusesWhatIsNoListOfControllers) {
    EXPECT_EQ(problem({":x"}), "invalid --cgroup argument: :x (empty <controller> prefix)");
    EXPECT_EQ(problem({"cpu,:x"}), "invalid --cgroup argument: cpu,:x (empty <controller> prefix)");
    EXPECT_EQ(problem({"cpu:x", "cpu:y"}),
              "invalid --cgroup argument: cpu:y (controller cpu specified multiple times)");
    EXPECT_EQ(problem({"cpu:x", "y"}), "invalid --cgroup argument: y (missing <controller>: prefix)");
}

TEST(SubCgroup, FindsWhereInitHasMovedTo) {
    const char* cgroups = "0::/pods/c1/init.scope\n";
    EXPECT_EQ(path_below("/sys/fs/cgroup/pods/c1", "/sys/fs/cgroup", cgroups), "/init.scope");
    EXPECT_EQ(path_below("/sys/fs/cgroup/pods/c", "/sys/fs/cgroup", cgroups), "") << "another container's";
    EXPECT_EQ(path_below("/sys/fs/cgroup/pods/c1", "/sys/fs/cgroup", "0::/pods/c1\n"), "");
    EXPECT_EQ(path_below("/sys/fs/cgroup/pods/c1", "/sys/fs/cgroup", "4:cpu:/a\n0::/pods/c1/x/y\n"), "/x/y");
    EXPECT_EQ(path_below("/sys/fs/cgroup/pods/c1", "/sys/fs/cgroup", "4:cpu:/pods/c1/x\n"), "");
}

}  // namespace
}  // namespace urc::cgroup
