// The fields of `linux`, but for its resources.
#include "core/spec/names.h"
#include "core/spec/reader.h"

// `read` is found by argument-dependent lookup, which does not look into unnamed namespaces: hence `static`.
namespace urc::spec {

constexpr std::size_t kNetDevicesMax = 1024;

constexpr Field kIdMapping[] = {
    field<&IdMapping::container_id>("containerID", Need::required),
    field<&IdMapping::host_id>("hostID", Need::required),
    field<&IdMapping::size>("size", Need::required),
};

static bool read_namespace_type(Reader& reader, Value& value, Namespace& out) {
    return read_word(reader, value, namespace_type, "namespace", out.type);
}

constexpr Field kNamespace[] = {field_by<Namespace, read_namespace_type>("type", Need::required),
                                field<&Namespace::path>("path")};

static bool read(Reader& reader, Value& value, Namespace& out) {
    return read_object(reader, value, out, kNamespace);
}

static bool read_device_type(Reader& reader, Value& value, Device& out) {
    std::string_view word;
    if (!read_text(reader, value, word)) return false;
    if (word != "c" && word != "u" && word != "b" && word != "p")
        return reader.fail("unknown device type " + in_quotes(word));
    out.type = word.front();
    return true;
}

// Some managers copy st_mode whole, with the type of the file in it.
static bool read_file_mode(Reader& reader, Value& value, Device& out) {
    std::uint32_t mode = 0;
    if (!read(reader, value, mode)) return false;
    out.file_mode = mode & 07777;
    return true;
}

constexpr Field kDevice[] = {
    field<&Device::path>("path", Need::required),
    field_by<Device, read_device_type>("type", Need::required),
    field<&Device::major>("major"),
    field<&Device::minor>("minor"),
    field_by<Device, read_file_mode>("fileMode"),
    field<&Device::uid>("uid"),
    field<&Device::gid>("gid"),
};

static bool read(Reader& reader, Value& value, Device& out) {
    return read_object(reader, value, out, kDevice);
}

static bool read_net_devices(Reader& reader, Value& value, Linux& out) {
    static constexpr Field kNetDevice[] = {field<&NetDevice::name>("name")};
    out.net_devices.clear();
    return read_members(reader, value, [&](std::string_view host_name, Value& inner) {
        NetDevice device;
        if (!read_object(reader, inner, device, kNetDevice)) return false;
        device.host_name = host_name;
        std::erase_if(out.net_devices, [&](const NetDevice& old) { return old.host_name == host_name; });
        out.net_devices.push_back(std::move(device));
        return out.net_devices.size() <= kNetDevicesMax || reader.fail("too many devices");
    });
}

// Kept as text: on a hit in the filter cache nobody needs to read its four hundred names.
static bool read_seccomp(Reader& reader, Value& value, Linux& out) {
    std::string_view text;
    if (!read_raw(reader, value, text)) return false;
    if (text.empty() || text.front() != '{') return reader.wrong_type(value, "an object");
    out.seccomp = text;
    return true;
}

static bool read_propagation(Reader& reader, Value& value, Linux& out) {
    return read_word(reader, value, propagation, "propagation", out.rootfs_propagation);
}

constexpr Field kIntelRdt[] = {
    field<&IntelRdt::clos_id>("closID"),
    field<&IntelRdt::schemata>("schemata"),
    field<&IntelRdt::l3_cache_schema>("l3CacheSchema"),
    field<&IntelRdt::mem_bw_schema>("memBwSchema"),
    field<&IntelRdt::enable_cmt>("enableCMT"),
    field<&IntelRdt::enable_mbm>("enableMBM"),
    field<&IntelRdt::enable_monitoring>("enableMonitoring"),
};

static bool read(Reader& reader, Value& value, IntelRdt& out) {
    return read_object(reader, value, out, kIntelRdt);
}

struct Personality {
    std::uint32_t domain = 0;
    std::vector<std::string> flags;
};

static bool read_domain(Reader& reader, Value& value, Personality& out) {
    return read_word(reader, value, personality_domain, "personality", out.domain);
}

static bool read_personality(Reader& reader, Value& value, Linux& out) {
    static constexpr Field kPersonality[] = {field_by<Personality, read_domain>("domain", Need::required),
                                             field<&Personality::flags>("flags")};
    Personality personality;
    if (!read_object(reader, value, personality, kPersonality)) return false;
    // The specification has the field and no value for it.
    if (!personality.flags.empty())
        return reader.fail("unknown personality flag " + in_quotes(personality.flags.front()));
    out.personality = personality.domain;
    return true;
}

static bool read_time_offsets(Reader& reader, Value& value, Linux& out) {
    static constexpr Field kTimeOffset[] = {field<&TimeOffset::secs>("secs"),
                                            field<&TimeOffset::nanosecs>("nanosecs")};
    out.monotonic_offset.reset();
    out.boottime_offset.reset();
    return read_members(reader, value, [&](std::string_view clock, Value& inner) {
        if (clock == "monotonic")
            return read_object(reader, inner, out.monotonic_offset.emplace(), kTimeOffset);
        if (clock == "boottime")
            return read_object(reader, inner, out.boottime_offset.emplace(), kTimeOffset);
        return reader.fail("time namespaces have no such clock");
    });
}

constexpr Field kMemoryPolicy[] = {
    field<&MemoryPolicy::mode>("mode", Need::required),
    field<&MemoryPolicy::nodes>("nodes"),
    field<&MemoryPolicy::flags>("flags"),
};

static bool read(Reader& reader, Value& value, MemoryPolicy& out) {
    return read_object(reader, value, out, kMemoryPolicy);
}

bool read(Reader& reader, Value& value, IdMapping& out) {
    return read_object(reader, value, out, kIdMapping);
}

bool read(Reader& reader, Value& value, Linux& out) {
    static constexpr Field kLinux[] = {
        field<&Linux::uid_mappings>("uidMappings"),
        field<&Linux::gid_mappings>("gidMappings"),
        field<&Linux::sysctl>("sysctl"),
        field<&Linux::resources>("resources"),
        field<&Linux::cgroups_path>("cgroupsPath"),
        field<&Linux::namespaces>("namespaces"),
        field<&Linux::devices>("devices"),
        field_by<Linux, read_net_devices>("netDevices"),
        field_by<Linux, read_seccomp>("seccomp"),
        field_by<Linux, read_propagation>("rootfsPropagation"),
        field<&Linux::masked_paths>("maskedPaths"),
        field<&Linux::readonly_paths>("readonlyPaths"),
        field<&Linux::mount_label>("mountLabel"),
        field<&Linux::intel_rdt>("intelRdt"),
        field<&Linux::memory_policy>("memoryPolicy"),
        field_by<Linux, read_personality>("personality"),
        field_by<Linux, read_time_offsets>("timeOffsets"),
    };
    return read_object(reader, value, out, kLinux);
}

}  // namespace urc::spec
