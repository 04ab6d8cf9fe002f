#include "core/systemd/limits.h"

#include <algorithm>
#include <limits>

#include "core/cgroup/convert.h"
#include "core/cgroup/device_rules.h"
#include "core/number.h"

namespace urc::systemd {

namespace {

constexpr std::uint64_t kInfinity =
    std::numeric_limits<std::uint64_t>::max();  // CGROUP_LIMIT_MAX, USEC_INFINITY
constexpr std::uint64_t kUsecPerSec = 1'000'000;
constexpr std::uint64_t kDefaultPeriodUs = 100'000;
constexpr unsigned kCpuCountMax = 8192;
constexpr unsigned kHasQuotaPeriod = 242, kHasCpuset = 244, kHasIdle = 252;

std::uint64_t limit_value(std::int64_t value) {
    return value < 0 ? kInfinity : static_cast<std::uint64_t>(value);
}

void add_quota(Properties& properties, std::int64_t quota, std::uint64_t period, unsigned systemd_version) {
    if (period != 0 && systemd_version >= kHasQuotaPeriod)
        properties.push_back(property("CPUQuotaPeriodUSec", period));
    if (quota == 0 && period == 0) return;
    std::uint64_t per_second = kInfinity;
    if (quota > 0) {
        if (period == 0) period = kDefaultPeriodUs;
        auto wanted = static_cast<std::uint64_t>(quota);
        // In two parts, so that nothing overflows; more than all processors there are is no limit.
        std::uint64_t processors = std::min<std::uint64_t>(wanted / period, kCpuCountMax);
        per_second = processors * kUsecPerSec + wanted % period * kUsecPerSec / period;
        // systemd keeps percents. Rounded up, so that cgroups inside the container may have the whole quota.
        constexpr std::uint64_t kPercent = kUsecPerSec / 100;
        if (per_second % kPercent != 0) per_second += kPercent - per_second % kPercent;
    }
    properties.push_back(property("CPUQuotaPerSecUSec", per_second));
}

Result<void> add_cpuset(Properties& properties, std::string_view name, std::string_view list,
                        unsigned systemd_version) {
    if (list.empty() || systemd_version < kHasCpuset) return {};
    URC_TRY(std::vector<Value> mask, cpu_mask(list));
    properties.push_back({std::string(name), "ay", std::move(mask)});
    return {};
}

Result<void> add_memory(Properties& properties, const spec::MemoryResources& memory, bool is_v2) {
    if (memory.limit.value_or(0) != 0)
        properties.push_back(property(is_v2 ? "MemoryMax" : "MemoryLimit", limit_value(*memory.limit)));
    if (!is_v2) return {};
    if (memory.reservation.value_or(0) != 0)
        properties.push_back(property("MemoryLow", limit_value(*memory.reservation)));
    URC_TRY(std::optional<std::int64_t> swap, cgroup::swap_max(memory));
    if (swap) properties.push_back(property("MemorySwapMax", limit_value(*swap)));
    return {};
}

Result<void> add_cpu(Properties& properties, const spec::CpuResources& cpu, const LimitOptions& options) {
    bool is_v2 = options.version == cgroup::Version::v2;
    std::uint64_t shares = cpu.shares.value_or(0);
    bool is_idle = cpu.idle.value_or(0) != 0;
    if (is_v2 && is_idle && options.systemd_version >= kHasIdle)
        properties.push_back(property("CPUWeight", std::uint64_t{0}));
    else if (is_v2 && !is_idle && shares != 0)
        properties.push_back(property("CPUWeight", cgroup::cpu_weight(shares)));
    else if (!is_v2 && shares != 0)
        properties.push_back(property("CPUShares", shares));
    add_quota(properties, cpu.quota.value_or(0), cpu.period.value_or(0), options.systemd_version);
    URC_TRY_VOID(add_cpuset(properties, "AllowedCPUs", cpu.cpus, options.systemd_version));
    return add_cpuset(properties, "AllowedMemoryNodes", cpu.mems, options.systemd_version);
}

void add_throttle(Properties& properties, std::string_view name,
                  const std::vector<spec::ThrottleDevice>& devices) {
    if (devices.empty()) return;
    Property all{std::string(name), "a(st)", {}};
    for (const spec::ThrottleDevice& device : devices) {
        std::string node = "/dev/block/" + std::to_string(device.major) + ":" + std::to_string(device.minor);
        all.values.emplace_back(std::move(node));
        all.values.emplace_back(device.rate == 0 ? kInfinity : device.rate);
    }
    properties.push_back(std::move(all));
}

void add_block_io(Properties& properties, const spec::BlockIoResources& io, bool is_v2) {
    std::uint64_t weight = io.weight.value_or(0);
    if (weight != 0 && is_v2) properties.push_back(property("IOWeight", cgroup::io_weight(weight)));
    if (weight != 0 && !is_v2) properties.push_back(property("BlockIOWeight", weight));
    if (!is_v2) return;
    add_throttle(properties, "IOReadBandwidthMax", io.throttle_read_bps);
    add_throttle(properties, "IOWriteBandwidthMax", io.throttle_write_bps);
    add_throttle(properties, "IOReadIOPSMax", io.throttle_read_iops);
    add_throttle(properties, "IOWriteIOPSMax", io.throttle_write_iops);
}

struct UnifiedWord {
    std::string_view file, property;
};
constexpr UnifiedWord kUnifiedLimits[] = {
    {"memory.max", "MemoryMax"},          {"memory.high", "MemoryHigh"},
    {"memory.low", "MemoryLow"},          {"memory.min", "MemoryMin"},
    {"memory.swap.max", "MemorySwapMax"}, {"pids.max", "TasksMax"},
    {"cpu.weight", "CPUWeight"},          {"io.weight", "IOWeight"},
};

Error bad_unified(std::string_view file, std::string_view value) {
    return Error(EINVAL, "unified resource \"" + std::string(file) + "\"", value);
}

Result<void> add_unified_quota(Properties& properties, std::string_view value, unsigned systemd_version) {
    std::string_view quota = value.substr(0, value.find(' '));
    std::string_view period = quota.size() == value.size() ? "100000" : value.substr(quota.size() + 1);
    auto period_us = parse_number<std::uint64_t>(period);
    auto quota_us = quota == "max" ? std::optional<std::int64_t>(-1) : parse_number<std::int64_t>(quota);
    if (!period_us || *period_us == 0 || !quota_us) return bad_unified("cpu.max", value);
    add_quota(properties, *quota_us, *period_us, systemd_version);
    return {};
}

// systemd has no word for other files; they are its to forget, and stay as they were written.
Result<void> add_unified(Properties& properties, const spec::StringMap& unified, unsigned systemd_version) {
    for (const auto& [file, value] : unified) {
        if (file == "cpu.max") URC_TRY_VOID(add_unified_quota(properties, value, systemd_version));
        if (file == "cpuset.cpus")
            URC_TRY_VOID(add_cpuset(properties, "AllowedCPUs", value, systemd_version));
        if (file == "cpuset.mems")
            URC_TRY_VOID(add_cpuset(properties, "AllowedMemoryNodes", value, systemd_version));
        if (file == "cpu.idle" && value == "1" && systemd_version >= kHasIdle)
            properties.push_back(property("CPUWeight", std::uint64_t{0}));
        for (const UnifiedWord& word : kUnifiedLimits) {
            if (file != word.file) continue;
            std::string_view number = value;
            if (file == "io.weight" && number.starts_with("default ")) number.remove_prefix(8);
            auto limit = number == "max" ? std::optional(kInfinity) : parse_number<std::uint64_t>(number);
            // io.weight for one device: no property carries that without the device's node.
            if (!limit && file == "io.weight") continue;
            if (!limit) return bad_unified(file, value);
            properties.push_back(property(word.property, *limit));
        }
    }
    return {};
}

// "char-pts" for 136 in the lines "136 pts" of /proc/devices; empty when nobody has that number.
std::string device_group(std::string_view proc_devices, char type, std::int64_t major) {
    std::string_view heading = type == 'b' ? "Block devices:\n" : "Character devices:\n";
    std::size_t begin = proc_devices.find(heading);
    if (begin == std::string_view::npos) return {};
    proc_devices.remove_prefix(begin + heading.size());
    while (!proc_devices.empty() && proc_devices[0] != '\n') {
        std::string_view line = proc_devices.substr(0, proc_devices.find('\n'));
        proc_devices.remove_prefix(std::min(proc_devices.size(), line.size() + 1));
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        std::size_t blank = line.find(' ');
        if (blank == std::string_view::npos || parse_number<std::int64_t>(line.substr(0, blank)) != major)
            continue;
        return (type == 'b' ? "block-" : "char-") + std::string(line.substr(blank + 1));
    }
    return {};
}

}  // namespace

Result<std::vector<Value>> cpu_mask(std::string_view list) {
    Error bad(EINVAL, "list of processors or memory nodes", list);
    std::vector<std::uint8_t> bytes;
    while (!list.empty()) {
        std::string_view range = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), range.size() + 1));
        std::size_t dash = range.find('-');
        auto first = parse_number<unsigned>(range.substr(0, dash), kCpuCountMax - 1);
        auto last = dash == std::string_view::npos
                        ? first
                        : parse_number<unsigned>(range.substr(dash + 1), kCpuCountMax - 1);
        if (!first || !last || *first > *last) return bad;
        bytes.resize(std::max<std::size_t>(bytes.size(), *last / 8 + 1));
        for (unsigned bit = *first; bit <= *last; ++bit)
            bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | 1U << bit % 8);
    }
    if (bytes.empty()) return bad;
    std::vector<Value> mask;
    for (std::uint8_t byte : bytes) mask.emplace_back(std::uint64_t{byte});
    return mask;
}

Result<Properties> limit_properties(const spec::Resources& resources, const LimitOptions& options) {
    bool is_v2 = options.version == cgroup::Version::v2;
    Properties properties;
    if (resources.memory) URC_TRY_VOID(add_memory(properties, *resources.memory, is_v2));
    if (resources.cpu) URC_TRY_VOID(add_cpu(properties, *resources.cpu, options));
    if (resources.pids_limit) {
        std::int64_t limit = *resources.pids_limit == 0 ? 1 : *resources.pids_limit;
        properties.push_back(property("TasksMax", limit_value(limit)));
    }
    if (resources.block_io) add_block_io(properties, *resources.block_io, is_v2);
    if (is_v2) URC_TRY_VOID(add_unified(properties, resources.unified, options.systemd_version));
    return properties;
}

Result<Properties> device_properties(const std::vector<spec::DeviceRule>& rules,
                                     std::string_view proc_devices) {
    URC_TRY(cgroup::DeviceState state, cgroup::device_state(cgroup::complete_rules(rules)));
    Properties properties;
    properties.push_back(property("DevicePolicy", state.is_allow_default ? "auto" : "strict"));
    // The empty list first, which takes back what an earlier call allowed.
    properties.push_back({"DeviceAllow", "a(ss)", {}});
    if (state.is_allow_default) return properties;
    Property allowed{"DeviceAllow", "a(ss)", {}};
    for (const auto& [key, access] : state.exceptions) {
        auto [type, major, minor] = key;
        std::string device = type == 'b' ? "block-*" : "char-*";
        if (minor != cgroup::kAny)
            device = std::string(type == 'b' ? "/dev/block/" : "/dev/char/") + std::to_string(major) + ":" +
                     std::to_string(minor);
        else if (major != cgroup::kAny)
            device = device_group(proc_devices, type, major);
        // A major that no driver has: there is nothing to open.
        if (device.empty()) continue;
        std::string accesses;
        if (access & cgroup::kRead) accesses += 'r';
        if (access & cgroup::kWrite) accesses += 'w';
        if (access & cgroup::kMknod) accesses += 'm';
        allowed.values.emplace_back(std::move(device));
        allowed.values.emplace_back(std::move(accesses));
    }
    properties.push_back(std::move(allowed));
    return properties;
}

}  // namespace urc::systemd
