// Limits in the files of cgroup v1 (Documentation/admin-guide/cgroup-v1). Values are written as the
// specification gives them, which has v1's units. memory.kernel is not: Linux no longer has that limit.
#include "core/cgroup/control.h"
#include "core/cgroup/limits.h"

namespace urc::cgroup {

namespace {

std::string text_of(std::int64_t value) {
    return std::string(std::string_view(Number(value)));
}
std::string text_of(std::uint64_t value) {
    return std::string(std::string_view(Number(value)));
}

std::string device_line(std::int64_t major, std::int64_t minor, std::uint64_t value) {
    return text_of(major) + ":" + text_of(minor) + " " + text_of(value);
}

constexpr const char* kLimit = "memory.limit_in_bytes";
constexpr const char* kLimitWithSwap = "memory.memsw.limit_in_bytes";

Result<void> check_usage(const Directory& directory, std::int64_t limit) {
    URC_TRY(std::string usage, read_control(directory.fd.get(), "memory.usage_in_bytes"));
    if (limit < 0 || std::strtoll(usage.c_str(), nullptr, 10) <= limit) return {};
    return Error::message("rejecting memory limit " + text_of(limit) + ": the usage is " + usage, EBUSY);
}

// Memory alone must never be allowed more than memory and swap together: raised in one order,
// lowered in the other.
Result<void> write_memory_and_swap(const Directory& directory, std::int64_t limit, std::int64_t swap) {
    if (limit == -1 && swap == 0 && !directory.is_fresh) swap = -1;
    std::vector<Setting> settings;
    if (limit != 0) settings.push_back({kLimit, text_of(limit)});
    if (swap != 0) {
        // Without swap accounting there is no such file, and no limit either.
        bool is_needed = swap != -1 || read_control(directory.fd.get(), kLimitWithSwap).ok();
        if (is_needed) settings.push_back({kLimitWithSwap, text_of(swap)});
    }
    Result<void> written = write_together(directory, std::move(settings));
    if (written.ok() || written.error().code() != EBUSY) return written;
    auto usage = read_control(directory.fd.get(), "memory.usage_in_bytes");
    std::string text = "unable to set memory limit to " + text_of(limit);
    if (usage.ok()) text += " (current usage: " + *usage + ")";
    return Error::message(text, EBUSY);
}

}  // namespace

Result<void> apply_cpuset_v1(const Directory& directory, const spec::CpuResources& cpu) {
    if (!cpu.cpus.empty()) URC_TRY_VOID(write_control(directory, "cpuset.cpus", cpu.cpus));
    if (!cpu.mems.empty()) URC_TRY_VOID(write_control(directory, "cpuset.mems", cpu.mems));
    return {};
}

Result<void> apply_cpu_v1(const Directory& directory, const spec::CpuResources& cpu) {
    std::vector<Setting> realtime;
    if (cpu.realtime_period.value_or(0) != 0)
        realtime.push_back({"cpu.rt_period_us", text_of(*cpu.realtime_period)});
    if (cpu.realtime_runtime.value_or(0) != 0)
        realtime.push_back({"cpu.rt_runtime_us", text_of(*cpu.realtime_runtime)});
    URC_TRY_VOID(write_together(directory, std::move(realtime)));
    // An idle group has a fixed weight and refuses another.
    if (cpu.idle) URC_TRY_VOID(write_control(directory, "cpu.idle", Number(*cpu.idle)));
    if (cpu.shares.value_or(0) != 0 && cpu.idle.value_or(0) == 0)
        URC_TRY_VOID(write_control(directory, "cpu.shares", Number(*cpu.shares)));
    std::vector<Setting> bandwidth;
    if (cpu.burst) bandwidth.push_back({"cpu.cfs_burst_us", text_of(*cpu.burst)});
    if (cpu.period.value_or(0) != 0) bandwidth.push_back({"cpu.cfs_period_us", text_of(*cpu.period)});
    if (cpu.quota.value_or(0) != 0) bandwidth.push_back({"cpu.cfs_quota_us", text_of(*cpu.quota)});
    return write_together(directory, std::move(bandwidth));
}

Result<void> apply_memory_v1(const Directory& directory, const spec::MemoryResources& memory) {
    std::int64_t limit = memory.limit.value_or(0);
    if (memory.check_before_update.value_or(false) && limit != 0) URC_TRY_VOID(check_usage(directory, limit));
    URC_TRY_VOID(write_memory_and_swap(directory, limit, memory.swap.value_or(0)));
    if (memory.reservation.value_or(0) != 0)
        URC_TRY_VOID(write_control(directory, "memory.soft_limit_in_bytes", Number(*memory.reservation)));
    if (memory.kernel_tcp.value_or(0) != 0)
        URC_TRY_VOID(write_control(directory, "memory.kmem.tcp.limit_in_bytes", Number(*memory.kernel_tcp)));
    if (memory.swappiness)
        URC_TRY_VOID(write_control(directory, "memory.swappiness", Number(*memory.swappiness)));
    // False is the default, and only an update can find something else there.
    if (memory.disable_oom_killer && (*memory.disable_oom_killer || !directory.is_fresh))
        URC_TRY_VOID(write_control(directory, "memory.oom_control", *memory.disable_oom_killer ? "1" : "0"));
    return {};
}

Result<void> apply_pids_v1(const Directory& directory, std::int64_t limit) {
    // 0 means 1, as runc has it: systemd knows no limit of 0.
    return write_control(directory, "pids.max", max_or(limit == 0 ? 1 : limit));
}

Result<void> apply_block_io_v1(const Directory& directory, const spec::BlockIoResources& io) {
    // The CFQ scheduler went away in Linux 5.0; BFQ has its names. The first write shows which.
    bool is_bfq = false;
    auto write_weight = [&](const std::string& file, std::string_view value) -> Result<void> {
        std::string name = (is_bfq ? "blkio.bfq." : "blkio.") + file;
        int code = try_write(directory.fd.get(), name.c_str(), value);
        if (code == ENOENT && !is_bfq) {
            is_bfq = true;
            name = "blkio.bfq." + file;
            code = try_write(directory.fd.get(), name.c_str(), value);
        }
        if (code != 0) return write_error(code, directory, name, value);
        return {};
    };
    if (io.weight.value_or(0) != 0) URC_TRY_VOID(write_weight("weight", Number(*io.weight)));
    for (const spec::WeightDevice& device : io.weight_device) {
        if (device.weight.value_or(0) != 0)
            URC_TRY_VOID(write_weight(
                "weight_device", device_line(device.major, device.minor, std::uint64_t{*device.weight})));
        if (device.leaf_weight.value_or(0) != 0)
            URC_TRY_VOID(
                write_control(directory, "blkio.leaf_weight_device",
                              device_line(device.major, device.minor, std::uint64_t{*device.leaf_weight})));
    }
    if (io.leaf_weight.value_or(0) != 0)
        URC_TRY_VOID(write_control(directory, "blkio.leaf_weight", Number(*io.leaf_weight)));
    for (auto& [file, devices] : {std::pair{"blkio.throttle.read_bps_device", &io.throttle_read_bps},
                                  {"blkio.throttle.write_bps_device", &io.throttle_write_bps},
                                  {"blkio.throttle.read_iops_device", &io.throttle_read_iops},
                                  {"blkio.throttle.write_iops_device", &io.throttle_write_iops}}) {
        for (const spec::ThrottleDevice& device : *devices)
            URC_TRY_VOID(
                write_control(directory, file, device_line(device.major, device.minor, device.rate)));
    }
    return {};
}

Result<void> apply_hugetlb_v1(const Directory& directory, const std::vector<spec::HugepageLimit>& limits) {
    for (const spec::HugepageLimit& limit : limits) {
        std::string prefix = "hugetlb." + limit.page_size;
        Number value(limit.limit);
        URC_TRY_VOID(write_control(directory, (prefix + ".limit_in_bytes").c_str(), value));
        // Reservations are accounted since Linux 5.7.
        std::string reserved = prefix + ".rsvd.limit_in_bytes";
        int code = try_write(directory.fd.get(), reserved.c_str(), value);
        if (code != 0 && code != ENOENT) return write_error(code, directory, reserved, value);
    }
    return {};
}

Result<void> apply_network_class_v1(const Directory& directory, std::uint32_t class_id) {
    return write_control(directory, "net_cls.classid", Number(class_id));
}

Result<void> apply_network_priorities_v1(const Directory& directory,
                                         const std::vector<spec::NetworkPriority>& priorities) {
    for (const spec::NetworkPriority& one : priorities) {
        std::string line = one.name + " ";
        line += Number(one.priority);
        URC_TRY_VOID(write_control(directory, "net_prio.ifpriomap", line));
    }
    return {};
}

Result<void> apply_rdma(const Directory& directory, const std::vector<spec::RdmaLimit>& limits) {
    for (const spec::RdmaLimit& limit : limits)
        URC_TRY_VOID(write_control(directory, "rdma.max", rdma_line(limit)));
    return {};
}

}  // namespace urc::cgroup
