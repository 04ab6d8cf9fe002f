// Statistics of one cgroup: what its processes have used, as containerd and the other callers of `events`
// know it from runc. All readings go through the descriptors that a Cgroup keeps; no path is looked up.
//
// A file that is not there (another version, a controller that is not enabled, a cgroup that is just going
// away) leaves its numbers zero: statistics are never a reason to fail.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/cgroup/cgroup.h"

namespace urc::cgroup {

// Documentation/accounting/psi.rst. Averages are in hundredths of a percent.
struct PressureLine {
    std::uint32_t avg10 = 0, avg60 = 0, avg300 = 0;
    std::uint64_t total_us = 0;
};
struct Pressure {
    PressureLine some, full;
};

struct CpuStats {
    std::uint64_t total_ns = 0, kernel_ns = 0, user_ns = 0;
    std::vector<std::uint64_t> percpu_ns, percpu_kernel_ns, percpu_user_ns;  // v1
    std::uint64_t periods = 0, throttled_periods = 0, throttled_ns = 0;
    std::optional<Pressure> pressure;
};

struct CpusetStats {  // v1
    std::vector<std::uint16_t> cpus, mems;
    std::uint64_t cpu_exclusive = 0, mem_hardwall = 0, mem_exclusive = 0, memory_migrate = 0,
                  memory_spread_page = 0, memory_spread_slab = 0, memory_pressure = 0, sched_load_balance = 0;
    std::int64_t sched_relax_domain_level = 0;
};

struct MemoryEntry {
    std::uint64_t limit = 0, usage = 0, max = 0, fail_count = 0;  // limit 2^64-1: none (v2)
};
struct MemoryStats {
    std::uint64_t cache = 0;
    MemoryEntry usage, swap, kernel, kernel_tcp;             // swap counts memory and swap together, as on v1
    std::vector<std::pair<std::string, std::uint64_t>> raw;  // memory.stat, sorted by key
    std::optional<Pressure> pressure;
};

struct PidsStats {
    std::uint64_t current = 0, limit = 0;  // limit 0: none
};

struct BlockIoEntry {
    std::uint64_t major = 0, minor = 0;
    std::string op;  // "Read", "Write", ...; empty where there is only one number a device
    std::uint64_t value = 0;
};
struct BlockIoStats {
    std::vector<BlockIoEntry> service_bytes, serviced, queued, service_time, wait_time, merged, time, sectors;
    std::optional<Pressure> pressure;
};

struct HugetlbStats {
    std::uint64_t usage = 0, max = 0, fail_count = 0;
};

struct Stats {
    CpuStats cpu;
    CpusetStats cpuset;
    MemoryStats memory;
    PidsStats pids;
    BlockIoStats block_io;
    std::map<std::string, HugetlbStats> hugetlb;  // by page size: "2MB"
};

Stats read_stats(const Cgroup& cgroup);

// The page sizes of this machine in the words of cgroup files: "2MB", "1GB".
std::vector<std::string> hugepage_sizes(const char* directory = "/sys/kernel/mm/hugepages");

}  // namespace urc::cgroup
