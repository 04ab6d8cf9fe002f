#include "cli/print.h"

#include <gtest/gtest.h>

namespace urc::cli {
namespace {

StateView sample() {
    StateView view;
    view.id = "c1";
    view.pid = 42;
    view.status = Status::running;
    view.bundle = "/b";
    view.rootfs = "/b/rootfs";
    view.created = "2026-01-02T03:04:05.000000006Z";
    view.owner = "root";
    return view;
}

TEST(Print, StateHasRuncsKeysInRuncsOrder) {
    StateView view = sample();
    view.annotations = {{"b", "2"}, {"a", "\"1\""}};
    EXPECT_EQ(state_json(view), R"({
  "ociVersion": "1.2.1",
  "id": "c1",
  "pid": 42,
  "status": "running",
  "bundle": "/b",
  "rootfs": "/b/rootfs",
  "created": "2026-01-02T03:04:05.000000006Z",
  "annotations": {
    "b": "2",
    "a": "\"1\""
  },
  "owner": "root"
}
)");
}

TEST(Print, WithoutAnnotationsThereIsNoSuchKey) {
    EXPECT_EQ(state_json(sample()).find("annotations"), std::string::npos);
}

TEST(Print, TheMonitorIsShownOnlyWhenThereIsOne) {
    EXPECT_EQ(state_json(sample()).find("monitorPid"), std::string::npos);
    StateView view = sample();
    view.monitor_pid = 41;
    EXPECT_NE(state_json(view).find(R"("monitorPid": 41)"), std::string::npos) << state_json(view);
}

TEST(Print, ListJsonIsOneLine) {
    const std::vector<StateView> views{sample(), sample()};
    const std::string text = list_json(views);
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    EXPECT_TRUE(text.starts_with(R"([{"ociVersion":"1.2.1","id":"c1","pid":42,)")) << text;
    EXPECT_EQ(list_json({}), "[]\n");
}

TEST(Print, TheTableHasColumnsOfTwelveAtLeastAndThreeBlanksBetween) {
    StateView view = sample();
    view.id = "a-long-container-id";
    const std::vector<StateView> views{view};
    EXPECT_EQ(list_table({}), "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
    EXPECT_EQ(
        list_table(views),
        "ID                    PID         STATUS      BUNDLE      CREATED                          OWNER\n"
        "a-long-container-id   42          running     /b          2026-01-02T03:04:05.000000006Z   root\n");
}

TEST(Print, EventsAreLinesOfJson) {
    EXPECT_EQ(event_json("c1", nullptr), "{\"type\":\"oom\",\"id\":\"c1\"}\n");
    ContainerStats stats;
    stats.cgroup.pids.current = 3;
    std::string line = event_json("c1", &stats);
    EXPECT_TRUE(line.starts_with(R"({"type":"stats","id":"c1","data":{"cpu":{)")) << line;
    EXPECT_NE(
        line.find(
            R"("pids":{"current":3},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}})"),
        std::string::npos)
        << line;
    stats.interfaces.push_back({.name = "eth0", .rx_bytes = 7});
    line = event_json("c1", &stats);
    EXPECT_NE(line.find(R"("network_interfaces":[{"Name":"eth0","RxBytes":7,"RxPackets":0,)"),
              std::string::npos)
        << line;
}

}  // namespace
}  // namespace urc::cli
