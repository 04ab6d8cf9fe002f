// Statistics of cgroup v1 (Documentation/admin-guide/cgroup-v1).
#include <unistd.h>

#include "core/cgroup/stats_read.h"

namespace urc::cgroup {
namespace {
namespace v1 {

void read_cpu(int dir, CpuStats& cpu) {
    const std::string text = stat_text(dir, "cpu.stat");
    cpu.periods = stat_number(keyed_value(text, "nr_periods"));
    cpu.throttled_periods = stat_number(keyed_value(text, "nr_throttled"));
    cpu.throttled_ns = stat_number(keyed_value(text, "throttled_time"));
}

void read_cpu_usage(int dir, CpuStats& cpu) {
    const std::string ticks = stat_text(dir, "cpuacct.stat");
    const auto ns_per_tick = 1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    cpu.user_ns = stat_number(keyed_value(ticks, "user")) * ns_per_tick;
    cpu.kernel_ns = stat_number(keyed_value(ticks, "system")) * ns_per_tick;
    cpu.total_ns = stat_number(dir, "cpuacct.usage");
    std::string percpu = stat_text(dir, "cpuacct.usage_percpu");
    for (std::string_view rest = percpu; !rest.empty();) {
        const std::string_view word = take_word(rest);
        if (!word.empty()) cpu.percpu_ns.push_back(stat_number(word));
    }
    each_line(stat_text(dir, "cpuacct.usage_all"), [&](std::string_view line) {
        if (take_word(line) == "cpu") return;  // the header
        cpu.percpu_user_ns.push_back(stat_number(take_word(line)));
        cpu.percpu_kernel_ns.push_back(stat_number(take_word(line)));
    });
}

void read_cpuset(int dir, CpusetStats& cpuset) {
    cpuset.cpus = stat_list(stat_text(dir, "cpuset.cpus"));
    cpuset.mems = stat_list(stat_text(dir, "cpuset.mems"));
    cpuset.cpu_exclusive = stat_number(dir, "cpuset.cpu_exclusive");
    cpuset.mem_hardwall = stat_number(dir, "cpuset.mem_hardwall");
    cpuset.mem_exclusive = stat_number(dir, "cpuset.mem_exclusive");
    cpuset.memory_migrate = stat_number(dir, "cpuset.memory_migrate");
    cpuset.memory_spread_page = stat_number(dir, "cpuset.memory_spread_page");
    cpuset.memory_spread_slab = stat_number(dir, "cpuset.memory_spread_slab");
    cpuset.memory_pressure = stat_number(dir, "cpuset.memory_pressure");
    cpuset.sched_load_balance = stat_number(dir, "cpuset.sched_load_balance");
    const std::string level = stat_text(dir, "cpuset.sched_relax_domain_level");
    cpuset.sched_relax_domain_level =
        level == "-1" ? -1 : static_cast<std::int64_t>(stat_number(level) & 0xff);
}

MemoryEntry read_entry(int dir, const std::string& prefix) {
    return {.limit = stat_number(dir, prefix + ".limit_in_bytes"),
            .usage = stat_number(dir, prefix + ".usage_in_bytes"),
            .max = stat_number(dir, prefix + ".max_usage_in_bytes"),
            .fail_count = stat_number(dir, prefix + ".failcnt")};
}

void read_memory(int dir, MemoryStats& memory) {
    memory.raw = stat_pairs(stat_text(dir, "memory.stat"));
    for (const auto& [key, value] : memory.raw)
        if (key == "cache") memory.cache = value;
    memory.usage = read_entry(dir, "memory");
    memory.swap = read_entry(dir, "memory.memsw");
    memory.kernel = read_entry(dir, "memory.kmem");
    memory.kernel_tcp = read_entry(dir, "memory.kmem.tcp");
}

// Lines "8:0 Read 1" or "8:0 1"; a sum over all devices is left out.
std::vector<BlockIoEntry> read_io_table(int dir, const std::string& file) {
    std::vector<BlockIoEntry> entries;
    each_line(stat_text(dir, file.c_str()), [&](std::string_view line) {
        if (line.find(':') == line.npos) return;
        BlockIoEntry entry;
        entry.major = stat_number(take_word(line, ":"));
        entry.minor = stat_number(take_word(line));
        if (line.find(' ') != line.npos) entry.op = take_word(line);
        entry.value = stat_number(line);
        entries.push_back(std::move(entry));
    });
    return entries;
}

// The tables are under different names, depending on who schedules the disks (BFQ; CFQ until Linux 5.0) or
// only counts them. The first that has anything is it.
void read_io(int dir, BlockIoStats& io) {
    for (const auto& [prefix, suffix] : {std::pair{"blkio.bfq.", "_recursive"},
                                         {"blkio.", "_recursive"},
                                         {"blkio.throttle.", "_recursive"},
                                         {"blkio.throttle.", ""}}) {
        auto table = [&, p = std::string(prefix), s = suffix](const char* name) {
            return read_io_table(dir, p + name + s);
        };
        io.serviced = table("io_serviced");
        if (io.serviced.empty()) continue;
        io.service_bytes = table("io_service_bytes");
        io.queued = table("io_queued");
        io.service_time = table("io_service_time");
        io.wait_time = table("io_wait_time");
        io.merged = table("io_merged");
        io.time = table("time");
        io.sectors = table("sectors");
        return;
    }
}

void read_hugetlb(int dir, std::map<std::string, HugetlbStats>& hugetlb) {
    for (const std::string& size : hugepage_sizes()) {
        // Reservations are what the limit of mmap(2) counts; Linux 5.7.
        for (const char* kind : {".rsvd", ""}) {
            const std::string prefix = "hugetlb." + size + kind;
            if (!read_line(dir, (prefix + ".usage_in_bytes").c_str()).ok()) continue;
            hugetlb[size] = {stat_number(dir, prefix + ".usage_in_bytes"),
                             stat_number(dir, prefix + ".max_usage_in_bytes"),
                             stat_number(dir, prefix + ".failcnt")};
            break;
        }
    }
}

}  // namespace v1
}  // namespace

void read_stats_v1(const Cgroup& cgroup, Stats& stats) {
    auto with = [&](Controller controller, auto read) {
        if (const Directory* directory = cgroup.directory(controller)) read(directory->fd.get());
    };
    with(Controller::cpu, [&](int dir) { v1::read_cpu(dir, stats.cpu); });
    with(Controller::cpuacct, [&](int dir) { v1::read_cpu_usage(dir, stats.cpu); });
    with(Controller::cpuset, [&](int dir) { v1::read_cpuset(dir, stats.cpuset); });
    with(Controller::memory, [&](int dir) { v1::read_memory(dir, stats.memory); });
    with(Controller::pids, [&](int dir) {
        stats.pids.current = stat_number(dir, "pids.current");
        const std::string limit = stat_text(dir, "pids.max");
        stats.pids.limit = limit == "max" ? 0 : stat_number(limit);
    });
    with(Controller::io, [&](int dir) { v1::read_io(dir, stats.block_io); });
    with(Controller::hugetlb, [&](int dir) { v1::read_hugetlb(dir, stats.hugetlb); });
}

}  // namespace urc::cgroup
