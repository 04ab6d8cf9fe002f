#include "bench/bundle.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uring/file.h"

namespace urc::bench {
namespace {

const ConfigEdit kEdit{{"/bin/stamp", "a\"b"}, "/r", {"memory"}};

TEST(EditConfig, ReplacesArgumentsTerminalAndRoot) {
    auto text =
        edit_config(R"({"process":{"terminal":true,"consoleSize":{"width":1},"args":["sh"],"cwd":"/"},)"
                    R"("root":{"path":"x","readonly":true}})",
                    kEdit);
    ASSERT_TRUE(text.ok());
    EXPECT_EQ(*text, R"({"process":{"cwd":"/","terminal":false,"args":["/bin/stamp","a\"b"]},)"
                     R"("root":{"readonly":true,"path":"/r"}})");
}

TEST(EditConfig, DropsOnlyTheNamedResources) {
    auto text =
        edit_config(R"({"linux":{"resources":{"memory":{"limit":5},"pids":{"limit":7}},"memory":1}})", kEdit);
    ASSERT_TRUE(text.ok());
    EXPECT_EQ(*text, R"({"linux":{"resources":{"pids":{"limit":7}},"memory":1}})");
}

TEST(EditConfig, KeepsEveryOtherKindOfValue) {
    const std::string text = R"({"a":[1,-2,3.5,null,true,{"b":"\n\u0001é"}],"c":{}})";
    auto edited = edit_config(text, kEdit);
    ASSERT_TRUE(edited.ok());
    auto again = edit_config(*edited, kEdit);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(*edited, *again);
    EXPECT_NE(edited->find(R"([1,-2,3.5,null,true,)"), std::string::npos);
}

TEST(EditConfig, RefusesWhatIsNotAnObject) {
    EXPECT_FALSE(edit_config("[1]", kEdit).ok());
    EXPECT_FALSE(edit_config("{", kEdit).ok());
    EXPECT_FALSE(edit_config("", kEdit).ok());
}

TEST(HasResource, LooksBelowLinuxResourcesOnly) {
    const std::string text = R"({"linux":{"resources":{"memory":{}}},"pids":1})";
    EXPECT_TRUE(has_resource(text, "memory"));
    EXPECT_FALSE(has_resource(text, "pids"));
    EXPECT_FALSE(has_resource("broken", "pids"));
}

TEST(MakeBundle, HasAProgramAFilterAndNoneOfTheUnusableResourcesAndIsRemoved) {
    if (::access("/bin/busybox", X_OK) != 0) GTEST_SKIP() << "busybox-static is not installed";
    BundleOptions options;
    options.config = "docker";
    options.stamp = URC_STAMP;
    options.unusable_resources = {"memory", "rdma"};
    std::string path;
    {
        auto bundle = make_bundle(options);
        ASSERT_TRUE(bundle.ok()) << bundle.error().text();
        path = bundle->directory.path();
        EXPECT_EQ(bundle->dropped_resources, std::vector<std::string>{"memory"});
        EXPECT_EQ(::access((bundle->rootfs + "/bin/stamp").c_str(), X_OK), 0);
        auto config = read_file_at(AT_FDCWD, (bundle->path + "/config.json").c_str());
        ASSERT_TRUE(config.ok());
        EXPECT_FALSE(has_resource(*config, "memory"));
        EXPECT_TRUE(has_resource(*config, "pids"));
        struct stat filter {};
        ASSERT_EQ(::stat(bundle->filter_path.c_str(), &filter), 0);
        EXPECT_GT(filter.st_size, 8 * 50);  // docker's profile cannot be said in less
    }
    EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(MakeBundle, OfAMissingConfigurationLeavesNoDirectory) {
    BundleOptions options;
    options.config = "/nonexistent/config.json";
    options.stamp = URC_STAMP;
    auto bundle = make_bundle(options);
    ASSERT_FALSE(bundle.ok());
}

}  // namespace
}  // namespace urc::bench
