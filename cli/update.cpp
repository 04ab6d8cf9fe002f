// urc update ID: limits from options, or from a document.
#include "cli/command.h"
#include "cli/values.h"

namespace urc::cli {
namespace {

using Given = std::optional<std::string>;

constexpr FieldName kNames[] = {
    {"memory.limit", "--memory"},        {"memory.reservation", "--memory-reservation"},
    {"memory.swap", "--memory-swap"},    {"memory.kernel", "--kernel-memory"},
    {"cpu.quota", "--cpu-quota"},        {"cpu.idle", "--cpu-idle"},
    {"cpu.cpus", "--cpuset-cpus"},       {"cpu.mems", "--cpuset-mems"},
    {"blockIO.weight", "--blkio-weight"}};

struct UpdateWords {
    Given resources, blkio_weight;
    Given cpu_period, cpu_quota, cpu_burst, cpu_share, cpu_rt_period, cpu_rt_runtime, cpu_idle;
    std::string cpuset_cpus, cpuset_mems;
    Given memory, memory_reservation, memory_swap, kernel_memory, kernel_memory_tcp;
    Given pids_limit;
    std::string l3_cache_schema, mem_bw_schema;

    void declare(OptionSet& options);
    Result<spec::Resources> read() const;
};

void UpdateWords::declare(OptionSet& options) {
    options.text("resources", 'r', resources,
                 "file with a linux.resources object, or - for the standard input");
    options.text("blkio-weight", 0, blkio_weight, "relative block IO weight, 10 to 1000");
    options.text("cpu-period", 0, cpu_period, "period of the CPU quota, in microseconds");
    options.text("cpu-quota", 0, cpu_quota, "CPU time in a period, in microseconds; -1: no limit");
    options.text("cpu-burst", 0, cpu_burst, "unused CPU time that may be saved up, in microseconds");
    options.text("cpu-share", 0, cpu_share, "relative CPU weight, 2 to 262144");
    options.text("cpu-rt-period", 0, cpu_rt_period, "period of the realtime limit, in microseconds");
    options.text("cpu-rt-runtime", 0, cpu_rt_runtime, "realtime CPU time in a period, in microseconds");
    options.text("cpu-idle", 0, cpu_idle, "1: runs only when nothing else wants to; 0: does not");
    options.text("cpuset-cpus", 0, cpuset_cpus, "processors to use, such as 0-3,7");
    options.text("cpuset-mems", 0, cpuset_mems, "memory nodes to use");
    options.text("memory", 0, memory, "memory limit");
    options.text("memory-reservation", 0, memory_reservation, "memory that is protected from reclaim");
    options.text("memory-swap", 0, memory_swap, "limit of memory and swap together");
    options.text("kernel-memory", 0, kernel_memory, "obsolete and ignored");
    options.text("kernel-memory-tcp", 0, kernel_memory_tcp, "obsolete and ignored");
    options.text("pids-limit", 0, pids_limit, "number of processes; -1: no limit");
    options.text("l3-cache-schema", 0, l3_cache_schema, "Intel RDT: share of the L3 cache, such as L3:0=f0");
    options.text("mem-bw-schema", 0, mem_bw_schema, "Intel RDT: memory bandwidth, such as MB:0=50");
}

Result<spec::Resources> UpdateWords::read() const {
    if (resources) return read_resources(*resources);
    spec::Resources out;
    spec::CpuResources cpu;
    cpu.cpus = cpuset_cpus;
    cpu.mems = cpuset_mems;
    URC_TRY_VOID(take_number("cpu-period", cpu_period, cpu.period));
    URC_TRY_VOID(take_number("cpu-quota", cpu_quota, cpu.quota));
    URC_TRY_VOID(take_number("cpu-burst", cpu_burst, cpu.burst));
    URC_TRY_VOID(take_number("cpu-share", cpu_share, cpu.shares));
    URC_TRY_VOID(take_number("cpu-rt-period", cpu_rt_period, cpu.realtime_period));
    URC_TRY_VOID(take_number("cpu-rt-runtime", cpu_rt_runtime, cpu.realtime_runtime));
    URC_TRY_VOID(take_number("cpu-idle", cpu_idle, cpu.idle));
    out.cpu = std::move(cpu);
    spec::MemoryResources limits;
    URC_TRY_VOID(take_size("memory", memory, limits.limit));
    URC_TRY_VOID(take_size("memory-reservation", memory_reservation, limits.reservation));
    URC_TRY_VOID(take_size("memory-swap", memory_swap, limits.swap));
    URC_TRY_VOID(take_size("kernel-memory", kernel_memory, limits.kernel));
    std::optional<std::int64_t> ignored;
    URC_TRY_VOID(take_size("kernel-memory-tcp", kernel_memory_tcp, ignored));
    if (ignored) limits.kernel = ignored;
    out.memory = limits;
    URC_TRY_VOID(take_number("pids-limit", pids_limit, out.pids_limit));
    spec::BlockIoResources block_io;
    URC_TRY_VOID(take_number("blkio-weight", blkio_weight, block_io.weight));
    if (block_io.weight) out.block_io = std::move(block_io);
    return out;
}

}  // namespace

int update_command(Session& session) {
    UpdateWords words;
    OptionSet options;
    words.declare(options);
    if (auto status = session.begin(options)) return *status;
    auto resources = words.read();
    if (!resources) return session.fail(resources.error());
    const auto names = words.resources ? std::span<const FieldName>() : std::span(kNames);
    auto result = update(session.global(), session.argument(0),
                         {.resources = std::move(*resources),
                          .l3_cache_schema = std::move(words.l3_cache_schema),
                          .mem_bw_schema = std::move(words.mem_bw_schema),
                          .names = names});
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
