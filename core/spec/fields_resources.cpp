// The fields of `linux.resources`, in config.json and in the document of `update --resources`.
#include "core/spec/reader.h"

// `read` is found by argument-dependent lookup, which does not look into unnamed namespaces: hence `static`.
namespace urc::spec {

// Maps whose entries are structs are searched for a repeated key; nobody has that many RDMA adapters.
constexpr std::size_t kRdmaDevicesMax = 256;

static bool read_rule_type(Reader& reader, Value& value, DeviceRule& out) {
    std::string_view word;
    if (!read_text(reader, value, word)) return false;
    if (word.empty()) word = "a";
    if (word != "a" && word != "b" && word != "c" && word != "u")
        return reader.fail("unknown device type " + in_quotes(word));
    out.type = word == "u" ? 'c' : word.front();  // 'u' is an unbuffered character device
    return true;
}

// -1 was the way to say "any" before the specification had optional numbers.
template <std::optional<std::int64_t> DeviceRule::*Member>
static bool read_rule_number(Reader& reader, Value& value, DeviceRule& out) {
    std::int64_t number = 0;
    if (!read(reader, value, number)) return false;
    if (number < -1 || number > 0xffffffff) return reader.fail("no device has this number");
    if (number == -1)
        (out.*Member).reset();
    else
        out.*Member = number;
    return true;
}

static bool read_access(Reader& reader, Value& value, DeviceRule& out) {
    std::string_view word;
    if (!read_text(reader, value, word)) return false;
    out.read = out.write = out.mknod = false;
    for (char c : word) {
        if (c == 'r')
            out.read = true;
        else if (c == 'w')
            out.write = true;
        else if (c == 'm')
            out.mknod = true;
        else
            return reader.fail(concat({"expected letters of \"rwm\", got ", in_quotes(word)}));
    }
    return true;
}

constexpr Field kDeviceRule[] = {
    field<&DeviceRule::allow>("allow", Need::required),
    field_by<DeviceRule, read_rule_type>("type"),
    field_by<DeviceRule, read_rule_number<&DeviceRule::major>>("major"),
    field_by<DeviceRule, read_rule_number<&DeviceRule::minor>>("minor"),
    field_by<DeviceRule, read_access>("access"),
};

static bool read(Reader& reader, Value& value, DeviceRule& out) {
    return read_object(reader, value, out, kDeviceRule);
}

constexpr Field kMemory[] = {
    field<&MemoryResources::limit>("limit"),
    field<&MemoryResources::reservation>("reservation"),
    field<&MemoryResources::swap>("swap"),
    field<&MemoryResources::kernel>("kernel"),
    field<&MemoryResources::kernel_tcp>("kernelTCP"),
    field<&MemoryResources::swappiness>("swappiness"),
    field<&MemoryResources::disable_oom_killer>("disableOOMKiller"),
    field<&MemoryResources::use_hierarchy>("useHierarchy"),
    field<&MemoryResources::check_before_update>("checkBeforeUpdate"),
};

static bool read(Reader& reader, Value& value, MemoryResources& out) {
    return read_object(reader, value, out, kMemory);
}

constexpr Field kCpu[] = {
    field<&CpuResources::shares>("shares"),
    field<&CpuResources::quota>("quota"),
    field<&CpuResources::burst>("burst"),
    field<&CpuResources::period>("period"),
    field<&CpuResources::realtime_runtime>("realtimeRuntime"),
    field<&CpuResources::realtime_period>("realtimePeriod"),
    field<&CpuResources::cpus>("cpus"),
    field<&CpuResources::mems>("mems"),
    field<&CpuResources::idle>("idle"),
};

static bool read(Reader& reader, Value& value, CpuResources& out) {
    return read_object(reader, value, out, kCpu);
}

struct Pids {
    std::optional<std::int64_t> limit;
};
constexpr Field kPids[] = {field<&Pids::limit>("limit")};

static bool read_pids(Reader& reader, Value& value, Resources& out) {
    Pids pids;
    if (!read_object(reader, value, pids, kPids)) return false;
    out.pids_limit = pids.limit;
    return true;
}

constexpr Field kWeightDevice[] = {
    field<&WeightDevice::major>("major", Need::required),
    field<&WeightDevice::minor>("minor", Need::required),
    field<&WeightDevice::weight>("weight"),
    field<&WeightDevice::leaf_weight>("leafWeight"),
};

static bool read(Reader& reader, Value& value, WeightDevice& out) {
    return read_object(reader, value, out, kWeightDevice);
}

constexpr Field kThrottleDevice[] = {
    field<&ThrottleDevice::major>("major", Need::required),
    field<&ThrottleDevice::minor>("minor", Need::required),
    field<&ThrottleDevice::rate>("rate", Need::required),
};

static bool read(Reader& reader, Value& value, ThrottleDevice& out) {
    return read_object(reader, value, out, kThrottleDevice);
}

constexpr Field kBlockIo[] = {
    field<&BlockIoResources::weight>("weight"),
    field<&BlockIoResources::leaf_weight>("leafWeight"),
    field<&BlockIoResources::weight_device>("weightDevice"),
    field<&BlockIoResources::throttle_read_bps>("throttleReadBpsDevice"),
    field<&BlockIoResources::throttle_write_bps>("throttleWriteBpsDevice"),
    field<&BlockIoResources::throttle_read_iops>("throttleReadIOPSDevice"),
    field<&BlockIoResources::throttle_write_iops>("throttleWriteIOPSDevice"),
};

static bool read(Reader& reader, Value& value, BlockIoResources& out) {
    return read_object(reader, value, out, kBlockIo);
}

constexpr Field kHugepageLimit[] = {field<&HugepageLimit::page_size>("pageSize", Need::required),
                                    field<&HugepageLimit::limit>("limit", Need::required)};

static bool read(Reader& reader, Value& value, HugepageLimit& out) {
    return read_object(reader, value, out, kHugepageLimit);
}

constexpr Field kNetworkPriority[] = {field<&NetworkPriority::name>("name", Need::required),
                                      field<&NetworkPriority::priority>("priority", Need::required)};

static bool read(Reader& reader, Value& value, NetworkPriority& out) {
    return read_object(reader, value, out, kNetworkPriority);
}

struct Network {
    std::optional<std::uint32_t> class_id;
    std::vector<NetworkPriority> priorities;
};
constexpr Field kNetwork[] = {field<&Network::class_id>("classID"),
                              field<&Network::priorities>("priorities")};

static bool read_network(Reader& reader, Value& value, Resources& out) {
    Network network;
    if (!read_object(reader, value, network, kNetwork)) return false;
    out.network_class_id = network.class_id;
    out.network_priorities = std::move(network.priorities);
    return true;
}

constexpr Field kRdmaLimit[] = {field<&RdmaLimit::hca_handles>("hcaHandles"),
                                field<&RdmaLimit::hca_objects>("hcaObjects")};

static bool read_rdma(Reader& reader, Value& value, Resources& out) {
    out.rdma.clear();
    return read_members(reader, value, [&](std::string_view device, Value& inner) {
        RdmaLimit limit;
        if (!read_object(reader, inner, limit, kRdmaLimit)) return false;
        limit.device = device;
        std::erase_if(out.rdma, [&](const RdmaLimit& old) { return old.device == device; });
        out.rdma.push_back(std::move(limit));
        return out.rdma.size() <= kRdmaDevicesMax || reader.fail("too many devices");
    });
}

bool read(Reader& reader, Value& value, Resources& out) {
    static constexpr Field kResources[] = {
        field<&Resources::devices>("devices"),
        field<&Resources::memory>("memory"),
        field<&Resources::cpu>("cpu"),
        field_by<Resources, read_pids>("pids"),
        field<&Resources::block_io>("blockIO"),
        field<&Resources::hugepage_limits>("hugepageLimits"),
        field_by<Resources, read_network>("network"),
        field_by<Resources, read_rdma>("rdma"),
        field<&Resources::unified>("unified"),
    };
    return read_object(reader, value, out, kResources);
}

}  // namespace urc::spec
