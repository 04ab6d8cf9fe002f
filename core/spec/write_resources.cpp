#include "core/spec/write_resources.h"

#include <optional>

namespace urc {
namespace {

template <typename Number>
void put(JsonWriter& json, const char* key, const std::optional<Number>& value) {
    if (value) json.key(key).number(*value);
}
void put(JsonWriter& json, const char* key, const std::optional<bool>& value) {
    if (value) json.key(key).boolean(*value);
}
void put(JsonWriter& json, const char* key, const std::string& value) {
    if (!value.empty()) json.key(key).string(value);
}

template <typename Item, typename Write>
void put_list(JsonWriter& json, const char* key, const std::vector<Item>& items, Write write) {
    if (items.empty()) return;
    json.key(key).begin_array();
    for (const Item& item : items) {
        json.begin_object();
        write(item);
        json.end_object();
    }
    json.end_array();
}

void write_memory(JsonWriter& json, const spec::MemoryResources& memory) {
    json.key("memory").begin_object();
    put(json, "limit", memory.limit);
    put(json, "reservation", memory.reservation);
    put(json, "swap", memory.swap);
    put(json, "kernelTCP", memory.kernel_tcp);
    put(json, "swappiness", memory.swappiness);
    put(json, "disableOOMKiller", memory.disable_oom_killer);
    json.end_object();
}

void write_cpu(JsonWriter& json, const spec::CpuResources& cpu) {
    json.key("cpu").begin_object();
    put(json, "shares", cpu.shares);
    put(json, "quota", cpu.quota);
    put(json, "burst", cpu.burst);
    put(json, "period", cpu.period);
    put(json, "realtimeRuntime", cpu.realtime_runtime);
    put(json, "realtimePeriod", cpu.realtime_period);
    put(json, "cpus", cpu.cpus);
    put(json, "mems", cpu.mems);
    put(json, "idle", cpu.idle);
    json.end_object();
}

void write_block_io(JsonWriter& json, const spec::BlockIoResources& io) {
    json.key("blockIO").begin_object();
    put(json, "weight", io.weight);
    put(json, "leafWeight", io.leaf_weight);
    put_list(json, "weightDevice", io.weight_device, [&](const spec::WeightDevice& device) {
        json.key("major").number(device.major);
        json.key("minor").number(device.minor);
        put(json, "weight", device.weight);
        put(json, "leafWeight", device.leaf_weight);
    });
    auto write_throttle = [&](const spec::ThrottleDevice& device) {
        json.key("major").number(device.major);
        json.key("minor").number(device.minor);
        json.key("rate").number(device.rate);
    };
    put_list(json, "throttleReadBpsDevice", io.throttle_read_bps, write_throttle);
    put_list(json, "throttleWriteBpsDevice", io.throttle_write_bps, write_throttle);
    put_list(json, "throttleReadIOPSDevice", io.throttle_read_iops, write_throttle);
    put_list(json, "throttleWriteIOPSDevice", io.throttle_write_iops, write_throttle);
    json.end_object();
}

void write_network(JsonWriter& json, const spec::Resources& resources) {
    if (!resources.network_class_id && resources.network_priorities.empty()) return;
    json.key("network").begin_object();
    put(json, "classID", resources.network_class_id);
    put_list(json, "priorities", resources.network_priorities, [&](const spec::NetworkPriority& one) {
        json.key("name").string(one.name);
        json.key("priority").number(one.priority);
    });
    json.end_object();
}

void write_maps(JsonWriter& json, const spec::Resources& resources) {
    if (!resources.rdma.empty()) {
        json.key("rdma").begin_object();
        for (const spec::RdmaLimit& limit : resources.rdma) {
            json.key(limit.device).begin_object();
            put(json, "hcaHandles", limit.hca_handles);
            put(json, "hcaObjects", limit.hca_objects);
            json.end_object();
        }
        json.end_object();
    }
    if (!resources.unified.empty()) {
        json.key("unified").begin_object();
        for (const auto& [file, value] : resources.unified) json.key(file).string(value);
        json.end_object();
    }
}

}  // namespace

void write_resources(JsonWriter& json, const spec::Resources& resources) {
    json.begin_object();
    if (resources.memory) write_memory(json, *resources.memory);
    if (resources.cpu) write_cpu(json, *resources.cpu);
    if (resources.pids_limit) {
        json.key("pids").begin_object();
        json.key("limit").number(*resources.pids_limit);
        json.end_object();
    }
    if (resources.block_io) write_block_io(json, *resources.block_io);
    put_list(json, "hugepageLimits", resources.hugepage_limits, [&](const spec::HugepageLimit& limit) {
        json.key("pageSize").string(limit.page_size);
        json.key("limit").number(limit.limit);
    });
    write_network(json, resources);
    write_maps(json, resources);
    json.end_object();
}

}  // namespace urc
