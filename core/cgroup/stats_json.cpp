#include "core/cgroup/stats_json.h"

#include "core/json_put.h"

namespace urc::cgroup {
namespace {

template <typename T>
void put_list(JsonWriter& json, const char* key, const std::vector<T>& values) {
    if (values.empty()) return;
    json.key(key).begin_array();
    for (T value : values) json.number(value);
    json.end_array();
}

void put(JsonWriter& json, const char* key, const PressureLine& line) {
    json.key(key).begin_object();
    json.key("avg10").hundredths(line.avg10);
    json.key("avg60").hundredths(line.avg60);
    json.key("avg300").hundredths(line.avg300);
    json.key("total").number(line.total_us);
    json.end_object();
}

void put(JsonWriter& json, const std::optional<Pressure>& pressure) {
    if (!pressure) return;
    json.key("psi").begin_object();
    put(json, "some", pressure->some);
    put(json, "full", pressure->full);
    json.end_object();
}

void put(JsonWriter& json, const CpuStats& cpu) {
    json.key("cpu").begin_object();
    json.key("usage").begin_object();
    put_set(json, "total", cpu.total_ns);
    put_list(json, "percpu", cpu.percpu_ns);
    put_list(json, "percpu_kernel", cpu.percpu_kernel_ns);
    put_list(json, "percpu_user", cpu.percpu_user_ns);
    json.key("kernel").number(cpu.kernel_ns);
    json.key("user").number(cpu.user_ns);
    json.end_object();
    json.key("throttling").begin_object();
    put_set(json, "periods", cpu.periods);
    put_set(json, "throttledPeriods", cpu.throttled_periods);
    put_set(json, "throttledTime", cpu.throttled_ns);
    json.end_object();
    put(json, cpu.pressure);
    json.end_object();
}

void put(JsonWriter& json, const CpusetStats& cpuset) {
    json.key("cpuset").begin_object();
    put_list(json, "cpus", cpuset.cpus);
    json.key("cpu_exclusive").number(cpuset.cpu_exclusive);
    put_list(json, "mems", cpuset.mems);
    json.key("mem_hardwall").number(cpuset.mem_hardwall);
    json.key("mem_exclusive").number(cpuset.mem_exclusive);
    json.key("memory_migrate").number(cpuset.memory_migrate);
    json.key("memory_spread_page").number(cpuset.memory_spread_page);
    json.key("memory_spread_slab").number(cpuset.memory_spread_slab);
    json.key("memory_pressure").number(cpuset.memory_pressure);
    json.key("sched_load_balance").number(cpuset.sched_load_balance);
    json.key("sched_relax_domain_level").number(cpuset.sched_relax_domain_level);
    json.end_object();
}

void put(JsonWriter& json, const char* key, const MemoryEntry& entry) {
    json.key(key).begin_object();
    json.key("limit").number(entry.limit);
    put_set(json, "usage", entry.usage);
    put_set(json, "max", entry.max);
    json.key("failcnt").number(entry.fail_count);
    json.end_object();
}

void put(JsonWriter& json, const MemoryStats& memory) {
    json.key("memory").begin_object();
    put_set(json, "cache", memory.cache);
    put(json, "usage", memory.usage);
    put(json, "swap", memory.swap);
    put(json, "kernel", memory.kernel);
    put(json, "kernelTCP", memory.kernel_tcp);
    if (!memory.raw.empty()) {
        json.key("raw").begin_object();
        for (const auto& [key, value] : memory.raw) json.key(key).number(value);
        json.end_object();
    }
    put(json, memory.pressure);
    json.end_object();
}

void put(JsonWriter& json, const char* key, const std::vector<BlockIoEntry>& entries) {
    if (entries.empty()) return;
    json.key(key).begin_array();
    for (const BlockIoEntry& entry : entries) {
        json.begin_object();
        put_set(json, "major", entry.major);
        put_set(json, "minor", entry.minor);
        if (!entry.op.empty()) json.key("op").string(entry.op);
        put_set(json, "value", entry.value);
        json.end_object();
    }
    json.end_array();
}

void put(JsonWriter& json, const BlockIoStats& io) {
    json.key("blkio").begin_object();
    put(json, "ioServiceBytesRecursive", io.service_bytes);
    put(json, "ioServicedRecursive", io.serviced);
    put(json, "ioQueueRecursive", io.queued);
    put(json, "ioServiceTimeRecursive", io.service_time);
    put(json, "ioWaitTimeRecursive", io.wait_time);
    put(json, "ioMergedRecursive", io.merged);
    put(json, "ioTimeRecursive", io.time);
    put(json, "sectorsRecursive", io.sectors);
    put(json, io.pressure);
    json.end_object();
}

}  // namespace

void write_stats(JsonWriter& json, const Stats& stats) {
    put(json, stats.cpu);
    put(json, stats.cpuset);
    put(json, stats.memory);
    json.key("pids").begin_object();
    put_set(json, "current", stats.pids.current);
    put_set(json, "limit", stats.pids.limit);
    json.end_object();
    put(json, stats.block_io);
    json.key("hugetlb").begin_object();
    for (const auto& [size, pages] : stats.hugetlb) {
        json.key(size).begin_object();
        put_set(json, "usage", pages.usage);
        put_set(json, "max", pages.max);
        json.key("failcnt").number(pages.fail_count);
        json.end_object();
    }
    json.end_object();
}

}  // namespace urc::cgroup
