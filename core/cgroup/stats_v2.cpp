// Statistics of cgroup2 (Documentation/admin-guide/cgroup-v2.rst), in the units of v1: nanoseconds, and swap
// counted together with memory.
#include <limits>

#include "core/cgroup/stats_read.h"

namespace urc::cgroup {
namespace {
namespace v2 {

constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

void read_cpu(int dir, CpuStats& cpu) {
    const std::string text = stat_text(dir, "cpu.stat");
    auto us = [&](std::string_view key) { return stat_number(keyed_value(text, key)) * 1000; };
    cpu.total_ns = us("usage_usec");
    cpu.user_ns = us("user_usec");
    cpu.kernel_ns = us("system_usec");
    cpu.periods = stat_number(keyed_value(text, "nr_periods"));
    cpu.throttled_periods = stat_number(keyed_value(text, "nr_throttled"));
    cpu.throttled_ns = us("throttled_usec");
    cpu.pressure = parse_pressure(stat_text(dir, "cpu.pressure"));
}

MemoryEntry read_entry(int dir, const std::string& prefix) {
    MemoryEntry entry;
    entry.usage = stat_number(dir, prefix + ".current");
    entry.limit = stat_number(dir, prefix + ".max");
    entry.max = stat_number(dir, prefix + ".peak");  // Linux 5.19
    entry.fail_count = stat_number(keyed_value(stat_text(dir, (prefix + ".events").c_str()), "max"));
    return entry;
}

void read_memory(int dir, MemoryStats& memory) {
    memory.raw = stat_pairs(stat_text(dir, "memory.stat"));
    for (const auto& [key, value] : memory.raw)
        if (key == "file") memory.cache = value;
    memory.usage = read_entry(dir, "memory");
    memory.swap = read_entry(dir, "memory.swap");
    memory.swap.usage += memory.usage.usage;
    if (memory.swap.limit != kNone)
        memory.swap.limit = memory.usage.limit == kNone ? kNone : memory.swap.limit + memory.usage.limit;
    memory.swap.max = 0;  // two peaks at two times add up to nothing
    memory.pressure = parse_pressure(stat_text(dir, "memory.pressure"));
}

void read_io(int dir, BlockIoStats& io) {
    each_line(stat_text(dir, "io.stat"), [&](std::string_view line) {
        BlockIoEntry entry;
        entry.major = stat_number(take_word(line, ":"));
        entry.minor = stat_number(take_word(line));
        while (!line.empty()) {
            std::string_view value = take_word(line);
            const std::string_view key = take_word(value, "=");
            if (key != "rbytes" && key != "wbytes" && key != "rios" && key != "wios") continue;
            entry.op = key.front() == 'r' ? "Read" : "Write";
            entry.value = stat_number(value);
            (key.ends_with("bytes") ? io.service_bytes : io.serviced).push_back(entry);
        }
    });
    io.pressure = parse_pressure(stat_text(dir, "io.pressure"));
}

}  // namespace v2
}  // namespace

void read_stats_v2(int dir, Stats& stats) {
    v2::read_cpu(dir, stats.cpu);
    v2::read_memory(dir, stats.memory);
    stats.pids.current = stat_number(dir, "pids.current");
    const std::uint64_t limit = stat_number(dir, "pids.max");
    stats.pids.limit = limit == v2::kNone ? 0 : limit;
    v2::read_io(dir, stats.block_io);
    for (const std::string& size : hugepage_sizes()) {
        const std::string prefix = "hugetlb." + size;
        // Reservations are what the limit of mmap(2) counts; Linux 5.7.
        for (const char* kind : {".rsvd.current", ".current"}) {
            auto usage = read_line(dir, (prefix + kind).c_str());
            if (!usage.ok()) continue;
            const std::string events = stat_text(dir, (prefix + ".events").c_str());
            stats.hugetlb[size] = {stat_number(*usage), 0, stat_number(keyed_value(events, "max"))};
            break;
        }
    }
}

}  // namespace urc::cgroup
