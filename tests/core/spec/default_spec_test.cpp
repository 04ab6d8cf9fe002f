#include "core/spec/default_spec.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "core/spec/json_syntax.h"
#include "core/spec/parse.h"
#include "core/version.h"
#include "uring/file.h"

namespace urc {
namespace {

using spec::NamespaceType;

// What `runc spec` writes here; empty when there is no runc.
std::string text_of_runc(const std::string& flags) {
    char directory[] = "/tmp/urc-default-spec-XXXXXX";
    if (!::mkdtemp(directory)) return {};
    std::string command = "runc spec " + flags + " -b " + directory + " 2>/dev/null";
    std::string text;
    if (::system(command.c_str()) == 0) {
        auto file = read_file_at(AT_FDCWD, (std::string(directory) + "/config.json").c_str());
        if (file.ok()) text = std::move(*file);
    }
    std::filesystem::remove_all(directory);
    return text;
}

void replace(std::string& text, std::string_view from, std::string_view to) {
    std::size_t at = text.find(from);
    if (at != std::string::npos) text.replace(at, from.size(), to);
}

// Where urc wants to differ: its own version and name, and no ambient capabilities (newer runc has none
// either).
void take_out_differences(std::string& text) {
    std::size_t version = text.find("\"ociVersion\": \"") + 15;
    text.replace(version, text.find('"', version) - version, kOciVersion);
    replace(text, "\"hostname\": \"runc\"", "\"hostname\": \"urc\"");
    std::size_t ambient = text.find(",\n\t\t\t\"ambient\": [");
    if (ambient != std::string::npos) text.erase(ambient, text.find(']', ambient) + 1 - ambient);
}

TEST(DefaultSpec, IsWhatRuncWrites) {
    std::string text = text_of_runc("");
    if (text.empty()) GTEST_SKIP() << "no runc to compare with";
    take_out_differences(text);
    EXPECT_EQ(default_spec(false, 0, 0), text);
}

TEST(DefaultSpec, RootlessIsWhatRuncWrites) {
    std::string text = text_of_runc("--rootless");
    if (text.empty()) GTEST_SKIP() << "no runc to compare with";
    take_out_differences(text);
    EXPECT_EQ(default_spec(true, ::geteuid(), ::getegid()), text);
}

TEST(DefaultSpec, IsJsonInAllItsForms) {
    for (bool rootless : {false, true})
        for (bool is_unified : {false, true}) {
            std::string text = default_spec(rootless, 1000, 1001, is_unified);
            EXPECT_FALSE(spec::find_syntax_error(text)) << text;
            auto spec = parse_spec(text);
            ASSERT_TRUE(spec.ok()) << spec.error().text();
            EXPECT_EQ(spec->linux.has_new(NamespaceType::cgroup), is_unified);
            EXPECT_EQ(spec->linux.has_new(NamespaceType::user), rootless);
            EXPECT_EQ(spec->linux.has_new(NamespaceType::network), !rootless);
        }
}

TEST(DefaultSpec, GivesNoCapabilityThatSurvivesAnExecByAnotherUser) {
    auto spec = parse_spec(default_spec(false, 0, 0));
    ASSERT_TRUE(spec.ok() && spec->process->capabilities);
    EXPECT_EQ(spec->process->capabilities->inheritable, 0u);
    EXPECT_EQ(spec->process->capabilities->ambient, 0u);
    EXPECT_EQ(spec->process->capabilities->bounding, spec->process->capabilities->permitted);
    EXPECT_TRUE(spec->process->no_new_privileges);
}

TEST(DefaultSpec, RootlessMapsTheCallerToRoot) {
    auto spec = parse_spec(default_spec(true, 1000, 1001));
    ASSERT_TRUE(spec.ok());
    ASSERT_EQ(spec->linux.uid_mappings.size(), 1u);
    EXPECT_EQ(spec->linux.uid_mappings[0].container_id, 0u);
    EXPECT_EQ(spec->linux.uid_mappings[0].host_id, 1000u);
    EXPECT_EQ(spec->linux.uid_mappings[0].size, 1u);
    ASSERT_EQ(spec->linux.gid_mappings.size(), 1u);
    EXPECT_EQ(spec->linux.gid_mappings[0].host_id, 1001u);
    EXPECT_TRUE(spec->linux.resources.devices.empty());
}

}  // namespace
}  // namespace urc
