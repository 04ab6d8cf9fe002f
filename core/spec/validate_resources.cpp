// The refusals about `linux.resources` and `linux.devices`.
//
// Ranges that kernels change their mind about (shares, quota, weights of v2) are left to the kernel. Names
// that end up in the name of a control file, or in a line of one, are looked at here.
#include "core/spec/validate_parts.h"

namespace urc::spec {
namespace {

constexpr std::int64_t kMajorMax = 0xfff;  // dev_t of the kernel: 12 and 20 bits
constexpr std::int64_t kMinorMax = 0xfffff;

bool is_device_number(std::int64_t major, std::int64_t minor) {
    return major >= 0 && major <= kMajorMax && minor >= 0 && minor <= kMinorMax;
}

Result<void> check_memory(const MemoryResources& memory, std::string_view base) {
    const std::pair<std::string_view, const std::optional<std::int64_t>&> fields[] = {
        {"limit", memory.limit},
        {"reservation", memory.reservation},
        {"swap", memory.swap},
        {"kernel", memory.kernel},
        {"kernelTCP", memory.kernel_tcp}};
    for (const auto& [name, value] : fields)
        if (value && *value < -1) return refusal({base, "memory.", name, ": less than -1 (unlimited)"});
    if (memory.swappiness && *memory.swappiness > 100)
        return refusal({base, "memory.swappiness: more than 100"});
    // `swap` is memory and swap together.
    if (memory.limit && memory.swap && *memory.limit > 0 && *memory.swap > 0 && *memory.swap < *memory.limit)
        return refusal({base, "memory.swap: less than the memory limit, which it includes"});
    return {};
}

Result<void> check_cpu(const CpuResources& cpu, std::string_view base) {
    if (cpu.quota && *cpu.quota < -1) return refusal({base, "cpu.quota: less than -1 (unlimited)"});
    if (cpu.idle && *cpu.idle != 0 && *cpu.idle != 1) return refusal({base, "cpu.idle: must be 0 or 1"});
    if (!cpu.cpus.empty() && !is_one_word(cpu.cpus))
        return refusal({base, "cpu.cpus: not a list of processors: ", in_quotes(cpu.cpus)});
    if (!cpu.mems.empty() && !is_one_word(cpu.mems))
        return refusal({base, "cpu.mems: not a list of memory nodes: ", in_quotes(cpu.mems)});
    return {};
}

// 0 is what managers write for "not set".
bool is_weight(const std::optional<std::uint16_t>& weight) {
    return !weight || *weight == 0 || (*weight >= 10 && *weight <= 1000);
}

Result<void> check_throttles(const std::vector<ThrottleDevice>& devices, std::string_view path) {
    for (std::size_t i = 0; i < devices.size(); ++i)
        if (!is_device_number(devices[i].major, devices[i].minor))
            return refusal({indexed(path, i), ": no device has this number"});
    return {};
}

Result<void> check_block_io(const BlockIoResources& io, std::string_view base) {
    if (!is_weight(io.weight)) return refusal({base, "blockIO.weight: not within 10 and 1000"});
    if (!is_weight(io.leaf_weight)) return refusal({base, "blockIO.leafWeight: not within 10 and 1000"});
    for (std::size_t i = 0; i < io.weight_device.size(); ++i) {
        const WeightDevice& device = io.weight_device[i];
        if (!is_device_number(device.major, device.minor))
            return refusal({base, indexed("blockIO.weightDevice", i), ": no device has this number"});
        if (!is_weight(device.weight) || !is_weight(device.leaf_weight))
            return refusal({base, indexed("blockIO.weightDevice", i), ": weight not within 10 and 1000"});
    }
    std::string path = concat({base, "blockIO."});
    URC_TRY_VOID(check_throttles(io.throttle_read_bps, path + "throttleReadBpsDevice"));
    URC_TRY_VOID(check_throttles(io.throttle_write_bps, path + "throttleWriteBpsDevice"));
    URC_TRY_VOID(check_throttles(io.throttle_read_iops, path + "throttleReadIOPSDevice"));
    return check_throttles(io.throttle_write_iops, path + "throttleWriteIOPSDevice");
}

// "2MB", "1GB": a part of the control file's name.
bool is_page_size(std::string_view size) {
    if (size.size() < 3 || size.back() != 'B' || size.front() == '0') return false;
    char unit = size[size.size() - 2];
    if (unit != 'K' && unit != 'M' && unit != 'G') return false;
    return size.substr(0, size.size() - 2).find_first_not_of("0123456789") == std::string_view::npos;
}

Result<void> check_names(const Resources& resources, std::string_view base) {
    for (std::size_t i = 0; i < resources.hugepage_limits.size(); ++i)
        if (!is_page_size(resources.hugepage_limits[i].page_size))
            return refusal({base, indexed("hugepageLimits", i), ".pageSize: not a size like \"2MB\": ",
                            in_quotes(resources.hugepage_limits[i].page_size)});
    for (std::size_t i = 0; i < resources.network_priorities.size(); ++i) {
        const std::string& name = resources.network_priorities[i].name;
        if (!is_file_name(name) || name.size() > kInterfaceNameMax)
            return refusal({base, indexed("network.priorities", i), ".name: not the name of an interface"});
    }
    for (const RdmaLimit& limit : resources.rdma)
        if (!is_file_name(limit.device))
            return refusal({base, "rdma[", in_quotes(limit.device), "]: not the name of a device"});
    for (const auto& [file, value] : resources.unified)
        if (!is_file_name(file) || file.front() == '.' || file.find('.') == std::string::npos)
            return refusal({base, "unified[", in_quotes(file), "]: not the name of a cgroup file"});
    return {};
}

}  // namespace

Result<void> check_resources(const Resources& resources, std::string_view base) {
    for (std::size_t i = 0; i < resources.devices.size(); ++i) {
        const DeviceRule& rule = resources.devices[i];
        if (!rule.read && !rule.write && !rule.mknod)
            return refusal({base, indexed("devices", i), ".access: must not be empty"});
    }
    if (resources.memory) URC_TRY_VOID(check_memory(*resources.memory, base));
    if (resources.cpu) URC_TRY_VOID(check_cpu(*resources.cpu, base));
    if (resources.block_io) URC_TRY_VOID(check_block_io(*resources.block_io, base));
    return check_names(resources, base);
}

Result<void> check_devices(const std::vector<Device>& devices) {
    for (std::size_t i = 0; i < devices.size(); ++i) {
        const Device& device = devices[i];
        std::string path = indexed("linux.devices", i);
        if (!is_absolute(device.path)) return refusal({path, ".path: must be an absolute path"});
        if (device.type != 'p' && !is_device_number(device.major, device.minor))
            return refusal({path, ": no device has this number"});
        if (device.uid && *device.uid == static_cast<uid_t>(-1))
            return refusal({path, ".uid: 4294967295 is no user id"});
        if (device.gid && *device.gid == static_cast<gid_t>(-1))
            return refusal({path, ".gid: 4294967295 is no group id"});
    }
    return {};
}

}  // namespace urc::spec
