#include "core/state/state_json.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "core/version.h"

namespace urc {
namespace {

std::string problem(const std::string& text) {
    auto state = parse_state_json(text);
    return state ? "" : state.error().text();
}

TEST(StateJson, HasRuncsNamesWhereToolsLook) {
    State state;
    state.id = "c1";
    state.init = {.pid = 42, .start_time = 777, .pidfd_inode = 9};
    state.created = {1'700'000'000, 5};
    state.bundle = "/b";
    state.rootfs = "/b/rootfs";
    state.annotations = {{"k", "v"}};
    state.cgroup_paths = {{"memory", "/sys/fs/cgroup/memory/c1"}};
    state.namespaces = {{spec::NamespaceType::mount, ""}};
    state.external_descriptors = {"/dev/null", "/x", "/y"};
    simdjson::dom::parser parser;
    const std::string text = write_state_json(state);
    simdjson::dom::element json = parser.parse(text);
    EXPECT_EQ(std::string_view(json["id"]), "c1");
    EXPECT_EQ(std::int64_t(json["init_process_pid"]), 42);
    EXPECT_EQ(std::int64_t(json["init_process_start"]), 777);
    EXPECT_EQ(std::string_view(json["created"]), "2023-11-14T22:13:20.000000005Z");
    EXPECT_EQ(std::string_view(json["config"]["rootfs"]), "/b/rootfs");
    EXPECT_EQ(std::string_view(json["config"]["labels"].at(0)), "bundle=/b");
    EXPECT_EQ(std::string_view(json["config"]["labels"].at(1)), "k=v");
    EXPECT_EQ(std::string_view(json["config"]["namespaces"].at(0)["type"]), "NEWNS");
    EXPECT_EQ(bool(json["rootless"]), false);
    EXPECT_EQ(std::string_view(json["cgroup_paths"]["memory"]), "/sys/fs/cgroup/memory/c1");
    EXPECT_EQ(std::string_view(json["namespace_paths"]["NEWNET"]), "/proc/42/ns/net");
    EXPECT_EQ(std::string_view(json["external_descriptors"].at(2)), "/y");
    EXPECT_EQ(std::string_view(json["intel_rdt_path"]), "");
}

TEST(StateJson, KeepsTheHooksThatAreStillToCome) {
    State state;
    state.id = "c1";
    EXPECT_EQ(write_state_json(state).find("hooks"), std::string::npos);
    state.hooks.poststart = {{.path = "/a", .args = {"x", "y z"}, .env = {"K=V\n"}, .timeout_s = 5}};
    state.hooks.poststop = {{.path = "/b", .args = {}, .env = {}, .timeout_s = {}},
                            {.path = "/c", .args = {}, .env = {}, .timeout_s = {}}};
    auto read = parse_state_json(write_state_json(state));
    ASSERT_TRUE(read) << read.error().text();
    ASSERT_EQ(read->hooks.poststart.size(), 1u);
    EXPECT_EQ(read->hooks.poststart[0].path, "/a");
    EXPECT_EQ(read->hooks.poststart[0].args, (std::vector<std::string>{"x", "y z"}));
    EXPECT_EQ(read->hooks.poststart[0].env, (std::vector<std::string>{"K=V\n"}));
    EXPECT_EQ(read->hooks.poststart[0].timeout_s, 5);
    ASSERT_EQ(read->hooks.poststop.size(), 2u);
    EXPECT_EQ(read->hooks.poststop[1].path, "/c");
    EXPECT_FALSE(read->hooks.poststop[1].timeout_s.has_value());
    EXPECT_NE(problem(R"({"id":"c1","init_process_pid":7,"urc":{"hooks":{"poststop":[{}]}}})"), "");
    EXPECT_NE(problem(R"({"id":"c1","init_process_pid":7,"urc":{"hooks":[]}})"), "");
}

TEST(StateJson, UnknownKeysArePassedOver) {
    auto state = parse_state_json(
        R"({"x":[{"y":1}],"id":"c1","init_process_pid":7,"config":{"z":{}},"urc":{"new":[1,2],"owner":3}})");
    ASSERT_TRUE(state) << state.error().text();
    EXPECT_EQ(state->init.pid, 7);
    EXPECT_EQ(state->owner, 3u);
}

TEST(StateJson, ABrokenDocumentIsAnErrorThatNamesTheKey) {
    EXPECT_NE(problem(""), "");
    EXPECT_NE(problem("{"), "");
    EXPECT_NE(problem("[]"), "");
    EXPECT_NE(problem("{}").find("init_process_pid"), std::string::npos);
    EXPECT_NE(problem(R"({"id":"c1"})").find("init_process_pid"), std::string::npos);
    EXPECT_NE(problem(R"({"id":"c1","init_process_pid":"7"})").find("init_process_pid"), std::string::npos);
    EXPECT_NE(problem(R"({"id":"c1","init_process_pid":99999999999})").find("init_process_pid"),
              std::string::npos);
    EXPECT_NE(problem(R"({"id":"c1","init_process_pid":7,"cgroup_paths":[]})").find("cgroup_paths"),
              std::string::npos);
    EXPECT_NE(problem(R"({"id":"c1","init_process_pid":7,"urc":{"owner":-1}})").find("owner"),
              std::string::npos);
    EXPECT_NE(problem(R"({"id":"c1","init_process_pid":7,"external_descriptors":[1]})").find("external"),
              std::string::npos);
}

TEST(StateJson, EveryPrefixOfADocumentIsAnErrorAndNoCrash) {
    State state;
    state.id = "c1";
    state.init.pid = 1;
    state.annotations = {{"a", "b"}};
    state.cgroups_made = {"/x"};
    const std::string text = write_state_json(state);
    for (std::size_t length = 0; length < text.size(); ++length)
        EXPECT_FALSE(parse_state_json(text.substr(0, length))) << length;
    EXPECT_TRUE(parse_state_json(text));
}

}  // namespace
}  // namespace urc
