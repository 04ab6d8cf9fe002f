#include "core/cgroup/merge.h"

#include <algorithm>

namespace urc::cgroup {
namespace {

template <typename T>
bool names(const std::optional<T>& value) {
    return value && *value != T{};
}

// Takes over what the change names, zero or not.
template <typename T>
void replace(std::optional<T>& value, const std::optional<T>& change) {
    if (change) value = change;
}
// The same, but zero names nothing.
template <typename T>
void replace_unless_zero(std::optional<T>& value, const std::optional<T>& change) {
    if (names(change)) value = change;
}

// Elements of the same key are replaced, others stay.
template <typename T, typename IsSame>
void replace_each(std::vector<T>& list, const std::vector<T>& change, IsSame is_same) {
    for (const T& item : change) {
        auto old = std::find_if(list.begin(), list.end(), [&](const T& one) { return is_same(one, item); });
        if (old == list.end())
            list.push_back(item);
        else
            *old = item;
    }
}

void merge_memory(Merged& merged, const spec::MemoryResources& change) {
    spec::MemoryResources& now =
        merged.in_force.memory ? *merged.in_force.memory : merged.in_force.memory.emplace();
    spec::MemoryResources& write = merged.to_write.memory.emplace(change);
    replace_unless_zero(now.limit, change.limit);
    replace_unless_zero(now.swap, change.swap);
    if (change.limit == -1 && !names(change.swap)) now.swap = -1;
    if (names(change.limit) || names(change.swap)) {
        write.limit = now.limit;
        write.swap = now.swap;
    }
    replace_unless_zero(now.reservation, change.reservation);
    replace_unless_zero(now.kernel_tcp, change.kernel_tcp);
    replace(now.swappiness, change.swappiness);
    replace(now.disable_oom_killer, change.disable_oom_killer);
}

void merge_cpu(Merged& merged, const spec::CpuResources& change) {
    spec::CpuResources& now = merged.in_force.cpu ? *merged.in_force.cpu : merged.in_force.cpu.emplace();
    spec::CpuResources& write = merged.to_write.cpu.emplace(change);
    replace_unless_zero(now.quota, change.quota);
    replace_unless_zero(now.period, change.period);
    replace(now.burst, change.burst);
    if (names(change.quota) || names(change.period) || change.burst) {
        write.quota = now.quota;
        write.period = now.period;
        write.burst = now.burst;
    }
    replace_unless_zero(now.shares, change.shares);
    replace(now.idle, change.idle);
    // An idle group has no weight of its own; one that is idle no longer gets its old one back.
    if (names(change.shares)) write.idle = now.idle;
    if (change.idle) write.shares = now.shares;
    replace_unless_zero(now.realtime_runtime, change.realtime_runtime);
    replace_unless_zero(now.realtime_period, change.realtime_period);
    if (!change.cpus.empty()) now.cpus = change.cpus;
    if (!change.mems.empty()) now.mems = change.mems;
}

void merge_block_io(spec::BlockIoResources& now, const spec::BlockIoResources& change) {
    auto is_same = [](const auto& a, const auto& b) { return a.major == b.major && a.minor == b.minor; };
    replace_unless_zero(now.weight, change.weight);
    replace_unless_zero(now.leaf_weight, change.leaf_weight);
    replace_each(now.weight_device, change.weight_device, is_same);
    replace_each(now.throttle_read_bps, change.throttle_read_bps, is_same);
    replace_each(now.throttle_write_bps, change.throttle_write_bps, is_same);
    replace_each(now.throttle_read_iops, change.throttle_read_iops, is_same);
    replace_each(now.throttle_write_iops, change.throttle_write_iops, is_same);
}

}  // namespace

Merged merge(const spec::Resources& in_force, const spec::Resources& change) {
    Merged merged{in_force, change};
    spec::Resources& now = merged.in_force;
    if (change.memory) merge_memory(merged, *change.memory);
    if (change.cpu) merge_cpu(merged, *change.cpu);
    replace(now.pids_limit, change.pids_limit);
    if (change.block_io)
        merge_block_io(now.block_io ? *now.block_io : now.block_io.emplace(), *change.block_io);
    replace_each(now.hugepage_limits, change.hugepage_limits,
                 [](const auto& a, const auto& b) { return a.page_size == b.page_size; });
    replace(now.network_class_id, change.network_class_id);
    replace_each(now.network_priorities, change.network_priorities,
                 [](const auto& a, const auto& b) { return a.name == b.name; });
    replace_each(now.rdma, change.rdma, [](const auto& a, const auto& b) { return a.device == b.device; });
    replace_each(now.unified, change.unified,
                 [](const auto& a, const auto& b) { return a.first == b.first; });
    return merged;
}

}  // namespace urc::cgroup
