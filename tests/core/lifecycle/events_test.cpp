// events: real containers, and the table of the network interfaces.
#include <gtest/gtest.h>

#include "core/lifecycle/net_stats.h"
#include "live_container.h"
#include "uring/file.h"

namespace urc {
namespace {

using std::chrono::milliseconds;

class EventsTest : public testing::LiveContainerTest {
protected:
    // Kinds of the events until the end; `act` sees each.
    std::string watch(const std::function<Result<void>(std::size_t)>& act) {
        std::string kinds;
        auto done = events(global(), id_, {.interval = milliseconds(20)}, [&](const ContainerStats* stats) {
            kinds += stats ? 's' : 'o';
            return act(kinds.size());
        });
        return done ? kinds : kinds + " " + done.error().text();
    }
};

TEST_F(EventsTest, OnceIsTheStatisticsOfNow) {
    make(StartedBy::channel);
    std::vector<std::uint64_t> pids;
    auto done = events(global(), id_, {.once = true}, [&](const ContainerStats* stats) -> Result<void> {
        pids.push_back(stats->cgroup.pids.current);
        EXPECT_EQ(stats->cgroup.pids.limit, 64u);
        EXPECT_GT(stats->cgroup.cpu.total_ns, 0u);
        EXPECT_TRUE(stats->interfaces.empty()) << "the loopback does not count";
        return {};
    });
    EXPECT_EQ(text(done), "");
    EXPECT_EQ(pids, std::vector<std::uint64_t>{1});
}

TEST_F(EventsTest, EndWithTheContainer) {
    make(StartedBy::channel);
    std::string kinds = watch([&](std::size_t count) -> Result<void> {
        if (count == 3) kill_and_reap(init_);
        return {};
    });
    EXPECT_EQ(kinds, "sss");
}

TEST_F(EventsTest, AnErrorOfTheReaderEndsThem) {
    make(StartedBy::channel);
    EXPECT_EQ(watch([](std::size_t) -> Result<void> { return Error(EPIPE, "write", "stdout"); }),
              "s write: stdout: Broken pipe");
}

TEST_F(EventsTest, TellOfAnOutOfMemoryKill) {
    // The shell survives; what it starts does not. It goes on once somebody watches: then there is /go.
    write_config(
        {"/bin/sh", "-c",
         "while ! [ -e /go ]; do sleep 0.02; done; x=x; while :; do x=$x$x; done & wait; sleep 1000"});
    const std::string config = bundle_ + "/config.json";
    std::string document = *read_file_at(AT_FDCWD, config.c_str());
    const std::string anchor = "\"pids\":{\"limit\":64}";
    const std::size_t at = document.find(anchor);
    ASSERT_NE(at, std::string::npos);
    document.insert(at, R"("memory":{"limit":16777216,"swap":16777216},)");
    write_file(config, document);
    make(StartedBy::channel);
    bool is_told = false;
    auto done = events(global(), id_, {.interval = milliseconds(20)},
                       [&](const ContainerStats* stats) -> Result<void> {
                           write_file(bundle_ + "/rootfs/go", "");
                           is_told = is_told || !stats;
                           if (is_told) return Error(ECANCELED, "enough");
                           return {};
                       });
    EXPECT_EQ(text(done), "enough: Operation canceled");
    EXPECT_TRUE(is_told);
}

TEST_F(EventsTest, AStoppedOneIsRefused) {
    make(StartedBy::channel);
    kill_and_reap(init_);
    EXPECT_EQ(watch([](std::size_t) -> Result<void> { return {}; }),
              " container with id " + id_ + " is not running");
}

TEST_F(EventsTest, AnIntervalOfNothingIsRefused) {
    auto done = events(global(), id_, {.interval = milliseconds(0)}, {});
    EXPECT_EQ(text(done), "duration interval must be greater than 0");
}

TEST(NetStats, ReadTheTableOfProc) {
    auto interfaces = parse_net_dev(
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo "
        "colls "
        "carrier compressed\n"
        "    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
        "  eth0:  100 2 3 4 5 6 7 8 900 10 11 12 13 14 15 16\n"
        "a:b: 1\n");
    ASSERT_EQ(interfaces.size(), 2u);
    EXPECT_EQ(interfaces[0].name, "eth0");
    EXPECT_EQ(interfaces[0].rx_bytes, 100u);
    EXPECT_EQ(interfaces[0].rx_dropped, 4u);
    EXPECT_EQ(interfaces[0].tx_bytes, 900u);
    EXPECT_EQ(interfaces[0].tx_dropped, 12u);
    EXPECT_EQ(interfaces[1].name, "a:b");
    EXPECT_EQ(interfaces[1].tx_bytes, 0u);
    EXPECT_TRUE(parse_net_dev("").empty());
}

}  // namespace
}  // namespace urc
