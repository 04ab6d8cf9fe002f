// update on real containers: what is written, what is remembered, and that a refusal changes nothing.
#include <filesystem>

#include "core/cgroup/cgroup.h"
#include "core/spec/parse.h"
#include "core/state/store.h"
#include "live_container.h"
#include "tests/core/cgroup/fixture.h"

namespace urc {
namespace {

class UpdateTest : public testing::LiveContainerTest {
protected:
    void SetUp() override {
        LiveContainerTest::SetUp();
        if (directory_.empty()) return;
        auto layout = cgroup::Layout::detect();
        ASSERT_TRUE(layout);
        is_v2_ = layout->version() == cgroup::Version::v2;
    }
    void limits(const std::string& resources) {
        write_config({"/bin/sleep", "1000"});
        std::string text = cgroup::slurp(bundle_ + "/config.json");
        const std::string theirs = R"("resources":{"pids":{"limit":64},)";
        const std::size_t at = text.find(theirs);
        ASSERT_NE(at, std::string::npos);
        text.replace(at, theirs.size(), "\"resources\":{" + resources + ",");
        write_file(bundle_ + "/config.json", text);
    }
    std::string change(const std::string& json) {
        auto resources = parse_resources(json);
        if (!resources) return resources.error().text();
        return text(update(global(), id_, {.resources = std::move(*resources)}));
    }
    std::string file(const char* controller, const char* v1, const char* v2) {
        const std::string base =
            is_v2_ ? "/sys/fs/cgroup/" : std::string("/sys/fs/cgroup/") + controller + "/";
        return cgroup::slurp(base + id_ + "/" + (is_v2_ ? v2 : v1));
    }
    std::string memory() { return file("memory", "memory.limit_in_bytes", "memory.max"); }
    std::string processes() { return file("pids", "pids.max", "pids.max"); }
    spec::Resources saved() {
        auto store = Store::open(root_);
        auto dir = store->find(id_);
        return dir->load()->resources;
    }

    bool is_v2_ = false;
};

TEST_F(UpdateTest, WritesWhatIsNamedAndKeepsTheRest) {
    limits(R"("pids":{"limit":50},"memory":{"limit":67108864})");
    make(StartedBy::channel);
    EXPECT_EQ(change(R"({"pids":{"limit":61}})"), "");
    EXPECT_EQ(processes(), "61");
    EXPECT_EQ(memory(), "67108864");
    EXPECT_EQ(change(R"({"memory":{"limit":50331648},"pids":{"limit":0}})"), "");
    EXPECT_EQ(memory(), "50331648");
    EXPECT_EQ(processes(), "1");
    EXPECT_EQ(saved().memory->limit, 50331648);
    EXPECT_EQ(change(R"({"pids":{"limit":-1}})"), "");
    EXPECT_EQ(processes(), "max");
}

TEST_F(UpdateTest, WhatSomebodyElseWroteStaysWhenItIsNotNamed) {
    limits(R"("pids":{"limit":50},"memory":{"limit":67108864})");
    make(StartedBy::channel);
    const std::string base = is_v2_ ? "/sys/fs/cgroup/" : "/sys/fs/cgroup/pids/";
    cgroup::spit(base + id_ + "/pids.max", "33");
    EXPECT_EQ(change(R"({"memory":{"limit":50331648}})"), "");
    EXPECT_EQ(processes(), "33");
}

TEST_F(UpdateTest, ALateRefusalTakesBackWhatWasWritten) {
    limits(R"("pids":{"limit":50},"memory":{"limit":67108864})");
    make(StartedBy::channel);
    // The last of the chapters that are written; nobody has that device.
    const std::string error =
        change(R"({"memory":{"limit":50331648},"pids":{"limit":61},"rdma":{"nodev0":{"hcaHandles":1}}})");
    EXPECT_NE(error, "");
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    EXPECT_EQ(memory(), "67108864");
    EXPECT_EQ(processes(), "50");
    EXPECT_EQ(saved().memory->limit, 67108864);
    EXPECT_EQ(saved().pids_limit, 50);
}

TEST_F(UpdateTest, AStateThatCannotBeSavedTakesBackWhatWasWritten) {
    limits(R"("pids":{"limit":50})");
    make(StartedBy::channel);
    const std::string obstacle = root_ + "/" + id_ + "/state.json.new";
    ASSERT_TRUE(std::filesystem::create_directory(obstacle));
    EXPECT_NE(change(R"({"pids":{"limit":61}})"), "");
    EXPECT_EQ(processes(), "50");
    std::filesystem::remove(obstacle);
    EXPECT_EQ(saved().pids_limit, 50);
}

TEST_F(UpdateTest, ImpossibleValuesAreRefusedBeforeAnythingIsWritten) {
    limits(R"("pids":{"limit":50},"memory":{"limit":67108864})");
    make(StartedBy::channel);
    EXPECT_NE(change(R"({"pids":{"limit":61},"memory":{"swap":1000000}})"), "");
    EXPECT_NE(change(R"({"pids":{"limit":61},"cpu":{"idle":7}})"), "");
    EXPECT_NE(change(R"({"pids":{"limit":61},"cpu":{"shares":1}})"), "");
    EXPECT_EQ(processes(), "50");
}

TEST_F(UpdateTest, CheckBeforeUpdateRefusesALimitBelowTheUsage) {
    limits(R"("memory":{"limit":67108864})");
    make(StartedBy::channel);
    const std::string error = change(R"({"memory":{"limit":4096,"checkBeforeUpdate":true}})");
    EXPECT_TRUE(error.starts_with("rejecting memory limit 4096: the usage is ")) << error;
    EXPECT_EQ(memory(), "67108864");
}

TEST_F(UpdateTest, ACreatedAndAPausedOneAreUpdatedAsWell) {
    limits(R"("pids":{"limit":50})");
    make(StartedBy::socket);
    EXPECT_EQ(change(R"({"pids":{"limit":44}})"), "");
    EXPECT_EQ(processes(), "44");
    ASSERT_EQ(text(start(global(), id_)), "");
    ASSERT_EQ(text(pause(global(), id_)), "");
    EXPECT_EQ(change(R"({"pids":{"limit":45}})"), "");
    EXPECT_EQ(processes(), "45");
    EXPECT_EQ(status(), "paused");
}

TEST_F(UpdateTest, AStoppedOneIsRefused) {
    limits(R"("pids":{"limit":50})");
    make(StartedBy::channel);
    kill_and_reap(init_);
    EXPECT_EQ(change(R"({"pids":{"limit":44}})"), "container not running");
}

TEST_F(UpdateTest, ADocumentIsReadFromAFile) {
    if (directory_.empty()) GTEST_SKIP() << "no directory";
    write_file(directory_ + "/r.json", R"({"pids":{"limit":9}})");
    auto resources = read_resources(directory_ + "/r.json");
    ASSERT_TRUE(resources);
    EXPECT_EQ(resources->pids_limit, 9);
    EXPECT_FALSE(read_resources(directory_ + "/none.json"));
    write_file(directory_ + "/r.json", "{nonsense");
    auto broken = read_resources(directory_ + "/r.json");
    ASSERT_FALSE(broken);
    EXPECT_TRUE(broken.error().text().starts_with("resources.json: line 1")) << broken.error().text();
}

}  // namespace
}  // namespace urc
