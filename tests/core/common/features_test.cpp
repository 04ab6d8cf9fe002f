// What `features` promises is held against what the parsers take.
#include <gtest/gtest.h>
#include <simdjson.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/child/mount_options.h"
#include "core/runtime.h"
#include "core/seccomp/seccomp.h"
#include "core/spec/names.h"
#include "core/spec/parse.h"
#include "core/spec/validate.h"

namespace urc {
namespace {

using Strings = std::vector<std::string>;

class FeaturesTest : public ::testing::Test {
protected:
    simdjson::dom::element describe() {
        text_ = describe_features();
        simdjson::dom::element document;
        EXPECT_EQ(parser_.parse(text_).get(document), simdjson::SUCCESS) << text_;
        return document;
    }
    static Strings list(simdjson::dom::element document, std::string_view pointer) {
        Strings strings;
        simdjson::dom::array array;
        EXPECT_EQ(document.at_pointer(pointer).get(array), simdjson::SUCCESS) << pointer;
        for (std::string_view item : array) strings.emplace_back(item);
        return strings;
    }
    static bool flag(simdjson::dom::element document, std::string_view pointer) {
        bool value = false;
        EXPECT_EQ(document.at_pointer(pointer).get(value), simdjson::SUCCESS) << pointer;
        return value;
    }

    simdjson::dom::parser parser_;
    std::string text_;
};

bool contains(const Strings& strings, std::string_view wanted) {
    return std::find(strings.begin(), strings.end(), wanted) != strings.end();
}

TEST_F(FeaturesTest, HasWhatCallersLookFor) {
    auto document = describe();
    EXPECT_EQ(std::string_view(document["ociVersionMin"]), "1.0.0");
    EXPECT_TRUE(std::string_view(document["ociVersionMax"]).starts_with("1."));
    Strings options = list(document, "/mountOptions");
    for (const char* wanted : {"bind", "rbind", "ro", "rro", "nosuid", "rprivate", "idmap", "ridmap"})
        EXPECT_TRUE(contains(options, wanted)) << wanted;
    for (const char* enabled :
         {"/linux/seccomp/enabled", "/linux/apparmor/enabled", "/linux/selinux/enabled", "/linux/cgroup/v1",
          "/linux/cgroup/systemd", "/linux/cgroup/v2", "/linux/cgroup/rdma",
          "/linux/mountExtensions/idmap/enabled", "/linux/intelRdt/enabled", "/linux/intelRdt/schemata",
          "/linux/intelRdt/enableMonitoring"})
        EXPECT_TRUE(flag(document, enabled)) << enabled;
    EXPECT_EQ(list(document, "/potentiallyUnsafeConfigAnnotations"),
              (Strings{"bundle", "org.criu.config", "org.systemd.property."}));
}

TEST_F(FeaturesTest, PromisesEveryHookThatIsRead) {
    Strings hooks = list(describe(), "/hooks");
    for (std::string_view name : spec::hook_names()) {
        auto config =
            parse_spec(R"({"ociVersion":"1.2.0","root":{"path":"r"},"process":{"cwd":"/","args":["x"]},
            "hooks":{")" +
                       std::string(name) + R"(":[{"path":"/x"}]}})");
        ASSERT_TRUE(config.ok()) << config.error().text();
        EXPECT_TRUE(contains(hooks, name)) << name;
    }
}

TEST_F(FeaturesTest, EveryWordOfSeccompIsTaken) {
    auto document = describe();
    Strings actions = list(document, "/linux/seccomp/actions");
    EXPECT_EQ(actions.size(), 9u);
    for (const std::string& action : actions)
        EXPECT_TRUE(seccomp::compile(
                        R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":")" +
                        action + "\"}]}")
                        .ok())
            << action;
    Strings architectures = list(document, "/linux/seccomp/archs");
    EXPECT_TRUE(contains(architectures, "SCMP_ARCH_X86_64") || contains(architectures, "SCMP_ARCH_AARCH64"));
    for (const std::string& architecture : architectures)
        EXPECT_TRUE(seccomp::compile(R"({"defaultAction":"SCMP_ACT_ERRNO","architectures":[")" +
                                     architecture + "\"]}")
                        .ok())
            << architecture;
    Strings known = list(document, "/linux/seccomp/knownFlags");
    Strings supported = list(document, "/linux/seccomp/supportedFlags");
    EXPECT_TRUE(std::includes(known.begin(), known.end(), supported.begin(), supported.end()));
    EXPECT_TRUE(contains(supported, "SECCOMP_FILTER_FLAG_LOG"));
    EXPECT_EQ(list(document, "/linux/seccomp/operators").size(), 7u);
}

TEST_F(FeaturesTest, ListsAreSortedAndWithoutRepetitions) {
    auto document = describe();
    for (const char* pointer :
         {"/mountOptions", "/linux/namespaces", "/linux/capabilities", "/linux/seccomp/actions",
          "/linux/seccomp/archs", "/linux/memoryPolicy/modes", "/linux/memoryPolicy/flags"}) {
        Strings strings = list(document, pointer);
        EXPECT_FALSE(strings.empty()) << pointer;
        EXPECT_TRUE(std::is_sorted(strings.begin(), strings.end())) << pointer;
        EXPECT_EQ(std::adjacent_find(strings.begin(), strings.end()), strings.end()) << pointer;
    }
}

TEST_F(FeaturesTest, PromisesCheckpointsOnlyWithCriu) {
    constexpr std::string_view kWord = "org.opencontainers.runc.checkpoint.enabled";
    const std::string old_path = std::getenv("PATH");
    char name[] = "/tmp/urc-features-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    ::setenv("PATH", (std::string("/nonexistent:") + name).c_str(), 1);
    EXPECT_EQ(describe_features().find(kWord), std::string::npos);
    std::ofstream(std::string(name) + "/criu") << "#!/bin/sh\n";
    EXPECT_EQ(describe_features().find(kWord), std::string::npos) << "not executable";
    ::chmod((std::string(name) + "/criu").c_str(), 0755);
    EXPECT_NE(describe_features().find(std::string(kWord) + "\": \"true\""), std::string::npos);
    ::setenv("PATH", old_path.c_str(), 1);
    std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace urc
