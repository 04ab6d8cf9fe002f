// Limits: what is refused before anything is written, and which directory each chapter goes to.
#include <algorithm>

#include "core/cgroup/cgroup.h"
#include "core/cgroup/control.h"
#include "core/cgroup/convert.h"
#include "core/cgroup/limits.h"

namespace urc::cgroup {

namespace {

constexpr std::uint64_t kSharesMin = 2, kSharesMax = 262144, kSwappinessMax = 100;

bool is_set(const std::optional<std::int64_t>& value) {
    return value.value_or(0) != 0;
}
bool is_set(const std::optional<std::uint64_t>& value) {
    return value.value_or(0) != 0;
}

Result<void> check_memory(const spec::MemoryResources& memory, Version version) {
    URC_TRY_VOID(swap_max(memory));
    if (memory.swappiness.value_or(0) > kSwappinessMax)
        return Error::message("invalid memory swappiness: the range is 0-100");
    if (version != Version::v2) return {};
    if (memory.swappiness) return Error::message("memory swappiness needs cgroup v1", EOPNOTSUPP);
    if (memory.disable_oom_killer.value_or(false))
        return Error::message("disableOOMKiller needs cgroup v1", EOPNOTSUPP);
    if (is_set(memory.kernel_tcp)) return Error::message("memory kernelTCP needs cgroup v1", EOPNOTSUPP);
    return {};
}

Result<void> check_cpu(const spec::CpuResources& cpu, Version version) {
    std::uint64_t shares = cpu.shares.value_or(0);
    if (shares > kSharesMax) return Error::message("the maximum allowed cpu-shares is 262144");
    if (shares != 0 && shares < kSharesMin) return Error::message("the minimum allowed cpu-shares is 2");
    if (version == Version::v2 && (is_set(cpu.realtime_runtime) || is_set(cpu.realtime_period)))
        return Error::message("cpu realtimeRuntime and realtimePeriod need cgroup v1", EOPNOTSUPP);
    return {};
}

Result<void> check_unified(const spec::StringMap& unified, Version version) {
    if (unified.empty()) return {};
    if (version == Version::v1) return Error::message("unified resources need cgroup v2", EOPNOTSUPP);
    for (const auto& [key, value] : unified) {
        // A control file has a dot in its name, which keeps "." and ".." out as well.
        bool is_file = key.find('/') == std::string::npos && key.find('.') != std::string::npos &&
                       key[0] != '.' && key.back() != '.';
        if (!is_file)
            return Error(EINVAL, "unified resource", "\"" + key + "\" must be a file name without slashes");
    }
    return {};
}

}  // namespace

bool asks(const spec::MemoryResources& memory) {
    return is_set(memory.limit) || is_set(memory.reservation) || is_set(memory.swap) ||
           is_set(memory.kernel_tcp) || memory.swappiness || memory.disable_oom_killer.value_or(false);
}

bool asks_cpu(const spec::CpuResources& cpu) {
    return is_set(cpu.shares) || is_set(cpu.quota) || is_set(cpu.period) || cpu.burst || cpu.idle ||
           is_set(cpu.realtime_runtime) || is_set(cpu.realtime_period);
}

bool asks_cpuset(const spec::CpuResources& cpu) {
    return !cpu.cpus.empty() || !cpu.mems.empty();
}

bool asks(const spec::BlockIoResources& io) {
    return io.weight.value_or(0) != 0 || io.leaf_weight.value_or(0) != 0 || !io.weight_device.empty() ||
           !io.throttle_read_bps.empty() || !io.throttle_write_bps.empty() ||
           !io.throttle_read_iops.empty() || !io.throttle_write_iops.empty();
}

std::string max_or(std::int64_t value) {
    return value < 0 ? "max" : std::string(std::string_view(Number(value)));
}

Result<void> check_page_size(const std::string& page_size) {
    bool is_size =
        page_size.size() > 2 && page_size.compare(page_size.size() - 1, 1, "B") == 0 &&
        std::all_of(page_size.begin(), page_size.end(), [](char c) {
            return (c >= '0' && c <= '9') || c == 'K' || c == 'M' || c == 'G' || c == 'T' || c == 'B';
        });
    if (!is_size) return Error(EINVAL, "hugepage size", page_size);
    return {};
}

std::string rdma_line(const spec::RdmaLimit& limit) {
    std::string line = limit.device;
    if (limit.hca_handles) (line += " hca_handle=") += Number(*limit.hca_handles);
    if (limit.hca_objects) (line += " hca_object=") += Number(*limit.hca_objects);
    return line;
}

Result<void> check_resources(const spec::Resources& resources, Version version) {
    if (resources.memory) URC_TRY_VOID(check_memory(*resources.memory, version));
    if (resources.cpu) URC_TRY_VOID(check_cpu(*resources.cpu, version));
    for (const spec::HugepageLimit& limit : resources.hugepage_limits)
        URC_TRY_VOID(check_page_size(limit.page_size));
    if (version == Version::v2 && (resources.network_class_id || !resources.network_priorities.empty()))
        return Error::message("network classID and priorities need cgroup v1", EOPNOTSUPP);
    return check_unified(resources.unified, version);
}

Result<void> write_together(const Directory& directory, std::vector<Setting> settings) {
    while (!settings.empty()) {
        std::size_t count = settings.size();
        for (auto setting = settings.begin(); setting != settings.end();) {
            int code = try_write(directory.fd.get(), setting->file.c_str(), setting->value);
            if (code != 0 && (code != EINVAL || count == 1))
                return write_error(code, directory, setting->file, setting->value);
            setting = code == 0 ? settings.erase(setting) : std::next(setting);
        }
        if (settings.size() == count)
            return write_error(EINVAL, directory, settings[0].file, settings[0].value);
    }
    return {};
}

// Why there is no directory for the controller that a limit needs.
Result<void> Cgroup::missing(Controller controller) const {
    std::string text = "cannot set ";
    text += controller_name(controller);
    text += " limit: ";
    for (const auto& [controllers, why] : denied_) {
        bool is_this = controllers.has(controller) || controllers.has(Controller::unified);
        if (!is_this && !controllers.empty()) continue;
        return Error::message(text + "container could not join or create cgroup: " + why.text(), why.code());
    }
    return Error::message(text + "the controller is not mounted", ENOENT);
}

Result<void> Cgroup::apply(const spec::Resources& resources, DeviceRules device_rules) {
    URC_TRY_VOID(check_resources(resources, version()));
    Result<void> applied = apply_all(resources, device_rules);
    for (Directory& directory : directories_) directory.is_fresh = false;
    return applied;
}

Result<void> Cgroup::apply_all(const spec::Resources& r, DeviceRules device_rules) {
    // Calls `write` with the controller's directory, if the limit is asked for.
    auto set = [&](Controller controller, bool is_asked, auto write) -> Result<void> {
        if (!is_asked) return {};
        const Directory* found = directory(controller);
        return found ? write(*found) : missing(controller);
    };
    if (version() == Version::v2 && directories_[0].fd) {
        URC_TRY_VOID(apply_v2(directories_[0], r));
        if (device_rules == DeviceRules::keep) return {};
        Result<void> applied = apply_devices_v2(directories_[0], r.devices);
        // Programs are for root to load. Who is not, can make no device node and open none of the host's but
        // those that anybody may open.
        bool is_forgiven = is_rootless_ && !applied.ok() &&
                           (applied.error().code() == EPERM || applied.error().code() == EACCES);
        return is_forgiven ? Result<void>() : applied;
    }
    // The likeliest refusal first: an impossible list of processors.
    URC_TRY_VOID(set(Controller::cpuset, r.cpu && asks_cpuset(*r.cpu),
                     [&](auto& d) { return apply_cpuset_v1(d, *r.cpu); }));
    URC_TRY_VOID(set(Controller::memory, r.memory && asks(*r.memory),
                     [&](auto& d) { return apply_memory_v1(d, *r.memory); }));
    URC_TRY_VOID(
        set(Controller::cpu, r.cpu && asks_cpu(*r.cpu), [&](auto& d) { return apply_cpu_v1(d, *r.cpu); }));
    URC_TRY_VOID(set(Controller::pids, r.pids_limit.has_value(),
                     [&](auto& d) { return apply_pids_v1(d, *r.pids_limit); }));
    URC_TRY_VOID(set(Controller::io, r.block_io && asks(*r.block_io),
                     [&](auto& d) { return apply_block_io_v1(d, *r.block_io); }));
    bool is_hugetlb_v2 = !directory(Controller::hugetlb) && directory(Controller::unified);
    URC_TRY_VOID(set(is_hugetlb_v2 ? Controller::unified : Controller::hugetlb, !r.hugepage_limits.empty(),
                     [&](auto& d) {
                         return d.is_v2() ? apply_hugetlb_v2(d, r.hugepage_limits)
                                          : apply_hugetlb_v1(d, r.hugepage_limits);
                     }));
    URC_TRY_VOID(set(Controller::net_cls, r.network_class_id.has_value(),
                     [&](auto& d) { return apply_network_class_v1(d, *r.network_class_id); }));
    URC_TRY_VOID(set(Controller::net_prio, !r.network_priorities.empty(),
                     [&](auto& d) { return apply_network_priorities_v1(d, r.network_priorities); }));
    URC_TRY_VOID(set(Controller::rdma, !r.rdma.empty(), [&](auto& d) { return apply_rdma(d, r.rdma); }));
    if (!r.unified.empty()) return missing(Controller::unified);
    if (device_rules == DeviceRules::keep) return {};
    // Without a v1 devices hierarchy the cgroup2 of a hybrid host does it. A container without device rules
    // would own the machine, so there is no third way but for rootless ones, who have no devices to open.
    bool is_bpf = !directory(Controller::devices) && directory(Controller::unified);
    if (is_rootless_ && !is_bpf && !directory(Controller::devices)) return {};
    return set(is_bpf ? Controller::unified : Controller::devices, true, [&](auto& d) {
        return d.is_v2() ? apply_devices_v2(d, r.devices) : apply_devices_v1(d, r.devices);
    });
}

}  // namespace urc::cgroup
