#include "core/spec/write_resources.h"

#include "core/json_put.h"

namespace urc {
namespace {

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
    put_set(json, "limit", memory.limit);
    put_set(json, "reservation", memory.reservation);
    put_set(json, "swap", memory.swap);
    put_set(json, "kernelTCP", memory.kernel_tcp);
    put_set(json, "swappiness", memory.swappiness);
    put_set(json, "disableOOMKiller", memory.disable_oom_killer);
    json.end_object();
}

void write_cpu(JsonWriter& json, const spec::CpuResources& cpu) {
    json.key("cpu").begin_object();
    put_set(json, "shares", cpu.shares);
    put_set(json, "quota", cpu.quota);
    put_set(json, "burst", cpu.burst);
    put_set(json, "period", cpu.period);
    put_set(json, "realtimeRuntime", cpu.realtime_runtime);
    put_set(json, "realtimePeriod", cpu.realtime_period);
    put_set(json, "cpus", cpu.cpus);
    put_set(json, "mems", cpu.mems);
    put_set(json, "idle", cpu.idle);
    json.end_object();
}

void write_block_io(JsonWriter& json, const spec::BlockIoResources& io) {
    json.key("blockIO").begin_object();
    put_set(json, "weight", io.weight);
    put_set(json, "leafWeight", io.leaf_weight);
    put_list(json, "weightDevice", io.weight_device, [&](const spec::WeightDevice& device) {
        json.key("major").number(device.major);
        json.key("minor").number(device.minor);
        put_set(json, "weight", device.weight);
        put_set(json, "leafWeight", device.leaf_weight);
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
    put_set(json, "classID", resources.network_class_id);
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
            put_set(json, "hcaHandles", limit.hca_handles);
            put_set(json, "hcaObjects", limit.hca_objects);
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
