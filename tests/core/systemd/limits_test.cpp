#include "core/systemd/limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/core/systemd/properties_test.h"

namespace urc::systemd {
namespace {

constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();
constexpr LimitOptions kNew{.version = cgroup::Version::v2, .systemd_version = 252};

Properties of(const spec::Resources& resources, const LimitOptions& options = kNew) {
    auto properties = limit_properties(resources, options);
    EXPECT_TRUE(properties.ok()) << (properties.ok() ? "" : properties.error().text());
    return properties.ok() ? *properties : Properties{};
}

// Structures whose other fields are not set: `set` gets one to fill.
template <typename Part>
Part with(void (*set)(Part&)) {
    Part part;
    set(part);
    return part;
}

using test::number;

TEST(LimitProperties, AreNoneWithoutLimits) {
    EXPECT_EQ(of({}), Properties{});
}

TEST(LimitProperties, CountSwapWithoutMemory) {
    spec::Resources resources;
    resources.memory = with<spec::MemoryResources>([](auto& one) {
        one.limit = 100;
        one.reservation = 50;
        one.swap = 250;
    });
    EXPECT_EQ(of(resources),
              (Properties{property("MemoryMax", std::uint64_t{100}), property("MemoryLow", std::uint64_t{50}),
                          property("MemorySwapMax", std::uint64_t{150})}));
    resources.memory = with<spec::MemoryResources>([](auto& one) { one.limit = -1; });
    EXPECT_EQ(of(resources),
              (Properties{property("MemoryMax", kInfinity), property("MemorySwapMax", kInfinity)}));
    resources.memory = with<spec::MemoryResources>([](auto& one) {
        one.limit = 100;
        one.swap = 50;
    });
    EXPECT_FALSE(limit_properties(resources, kNew).ok());
}

TEST(LimitProperties, RoundAQuotaUpToWholePercents) {
    spec::Resources resources;
    resources.cpu = with<spec::CpuResources>([](auto& one) {
        one.shares = 1024;
        one.quota = 12345;
        one.period = 100000;
    });
    EXPECT_EQ(of(resources), (Properties{property("CPUWeight", std::uint64_t{100}),
                                         property("CPUQuotaPeriodUSec", std::uint64_t{100000}),
                                         property("CPUQuotaPerSecUSec", std::uint64_t{130000})}));
    resources.cpu = with<spec::CpuResources>([](auto& one) { one.quota = 150000; });
    EXPECT_EQ(of(resources), (Properties{property("CPUQuotaPerSecUSec", std::uint64_t{1'500'000})}));
    resources.cpu = with<spec::CpuResources>([](auto& one) { one.quota = -1; });
    EXPECT_EQ(of(resources), (Properties{property("CPUQuotaPerSecUSec", kInfinity)}));
    resources.cpu = with<spec::CpuResources>([](auto& one) {
        one.quota = std::numeric_limits<std::int64_t>::max();
        one.period = 1;
    });
    EXPECT_EQ(of(resources).size(), 2U) << "does not overflow";
}

TEST(LimitProperties, LeaveOutWhatAnOlderSystemdDoesNotKnow) {
    spec::Resources resources;
    resources.cpu = with<spec::CpuResources>([](auto& one) {
        one.quota = 50000;
        one.period = 100000;
        one.cpus = "0-1";
        one.idle = 1;
    });
    EXPECT_EQ(of(resources, {.version = cgroup::Version::v2, .systemd_version = 240}),
              (Properties{property("CPUQuotaPerSecUSec", std::uint64_t{500'000})}));
    Properties all = of(resources);
    EXPECT_EQ(all.size(), 4U);
    EXPECT_EQ(all[0], property("CPUWeight", std::uint64_t{0})) << "idle";
    EXPECT_EQ(all[3], (Property{"AllowedCPUs", "ay", {number(3)}}));
}

TEST(LimitProperties, KnowNoLimitOfZeroTasks) {
    spec::Resources resources;
    for (auto [limit, wanted] : {std::pair<std::int64_t, std::uint64_t>{7, 7}, {0, 1}, {-1, kInfinity}}) {
        resources.pids_limit = limit;
        EXPECT_EQ(of(resources), (Properties{property("TasksMax", wanted)}));
    }
}

TEST(LimitProperties, HaveDevicesByTheirNumbers) {
    spec::Resources resources;
    resources.block_io = with<spec::BlockIoResources>([](auto& one) {
        one.weight = 10;
        one.throttle_read_bps = {{8, 16, 1000}, {8, 0, 0}};
    });
    Property throttle{
        "IOReadBandwidthMax",
        "a(st)",
        {std::string("/dev/block/8:16"), number(1000), std::string("/dev/block/8:0"), number(kInfinity)}};
    EXPECT_EQ(of(resources), (Properties{property("IOWeight", std::uint64_t{1}), throttle}));
}

TEST(LimitProperties, ReadTheUnifiedFilesThatSystemdKnows) {
    spec::Resources resources;
    resources.unified = {{"memory.high", "max"},      {"cpu.max", "50000 100000"}, {"cpu.max.burst", "5"},
                         {"io.weight", "default 55"}, {"cpuset.mems", "0"},        {"memory.oom.group", "1"}};
    EXPECT_EQ(of(resources), (Properties{property("MemoryHigh", kInfinity),
                                         property("CPUQuotaPeriodUSec", std::uint64_t{100000}),
                                         property("CPUQuotaPerSecUSec", std::uint64_t{500000}),
                                         property("IOWeight", std::uint64_t{55}),
                                         Property{"AllowedMemoryNodes", "ay", {number(1)}}}));
    for (auto [file, value] : {std::pair{"memory.max", "lots"}, {"cpu.max", "x 1"}, {"cpu.max", "1 0"}}) {
        resources.unified = {{file, value}};
        EXPECT_FALSE(limit_properties(resources, kNew).ok()) << file << " " << value;
    }
}

TEST(LimitProperties, HaveOtherNamesOnV1) {
    spec::Resources resources;
    resources.memory = with<spec::MemoryResources>([](auto& one) {
        one.limit = 100;
        one.reservation = 50;
        one.swap = 250;
    });
    resources.cpu = with<spec::CpuResources>([](auto& one) { one.shares = 512; });
    EXPECT_EQ(
        of(resources, {.version = cgroup::Version::v1, .systemd_version = 252}),
        (Properties{property("MemoryLimit", std::uint64_t{100}), property("CPUShares", std::uint64_t{512})}));
}

TEST(CpuMask, IsBytesLowestFirst) {
    EXPECT_EQ(*cpu_mask("0-2,9"), (std::vector<Value>{number(7), number(2)}));
    EXPECT_EQ(*cpu_mask("7"), (std::vector<Value>{number(128)}));
    for (const char* list : {"", ",", "1-", "-1", "3-1", "a", "0,99999999", "1--2", " 1"})
        EXPECT_FALSE(cpu_mask(list).ok()) << list;
}

constexpr const char* kProcDevices =
    "Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n\nBlock devices:\n  8 sd\n136 not-pts\n";

TEST(DeviceProperties, NameWhatIsAllowed) {
    spec::DeviceRule deny{
        .allow = false, .type = 'a', .major = {}, .minor = {}, .read = true, .write = true, .mknod = true};
    spec::DeviceRule fuse = deny, disks = deny, unknown = deny;
    fuse = {
        .allow = true, .type = 'c', .major = 10, .minor = 229, .read = true, .write = true, .mknod = false};
    disks = {
        .allow = true, .type = 'b', .major = 8, .minor = {}, .read = true, .write = false, .mknod = false};
    unknown = {
        .allow = true, .type = 'b', .major = 77, .minor = {}, .read = true, .write = false, .mknod = false};
    auto properties = device_properties({deny, fuse, disks, unknown}, kProcDevices);
    ASSERT_TRUE(properties.ok());
    ASSERT_EQ(properties->size(), 3U);
    EXPECT_EQ((*properties)[0], property("DevicePolicy", std::string_view("strict")));
    EXPECT_EQ((*properties)[1], (Property{"DeviceAllow", "a(ss)", {}}));
    const std::vector<Value>& allowed = (*properties)[2].values;
    auto has = [&](const char* device, const char* access) {
        for (std::size_t i = 0; i + 1 < allowed.size(); i += 2)
            if (allowed[i] == Value(std::string(device)) && allowed[i + 1] == Value(std::string(access)))
                return true;
        return false;
    };
    EXPECT_TRUE(has("/dev/char/10:229", "rw"));
    EXPECT_TRUE(has("block-sd", "r"));
    EXPECT_TRUE(has("char-pts", "rwm"));
    EXPECT_TRUE(has("char-*", "m"));
    EXPECT_FALSE(has("", "r")) << "a major without a driver is left out";
}

TEST(DeviceProperties, AreNoneWhenAllIsAllowed) {
    spec::DeviceRule all{
        .allow = true, .type = 'a', .major = {}, .minor = {}, .read = true, .write = true, .mknod = true};
    auto properties = device_properties({all}, kProcDevices);
    ASSERT_TRUE(properties.ok());
    EXPECT_EQ((*properties)[0], property("DevicePolicy", std::string_view("auto")));
    EXPECT_EQ(properties->size(), 2U);
}

}  // namespace
}  // namespace urc::systemd
