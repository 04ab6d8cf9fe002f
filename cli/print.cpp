#include "cli/print.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/cgroup/stats_json.h"
#include "core/json_writer.h"
#include "core/version.h"

namespace urc::cli {
namespace {

void write_view(JsonWriter& json, const StateView& view) {
    json.begin_object();
    json.key("ociVersion").string(kOciVersion);
    json.key("id").string(view.id);
    json.key("pid").number(view.pid);
    json.key("status").string(status_word(view.status));
    json.key("bundle").string(view.bundle);
    json.key("rootfs").string(view.rootfs);
    json.key("created").string(view.created);
    if (!view.annotations.empty()) {
        json.key("annotations").begin_object();
        for (const auto& [name, value] : view.annotations) json.key(name).string(value);
        json.end_object();
    }
    json.key("owner").string(view.owner);
    if (view.monitor_pid != 0) json.key("monitorPid").number(view.monitor_pid);
    json.end_object();
}

}  // namespace

std::string state_json(const StateView& view) {
    std::string out;
    JsonWriter json(out, JsonLayout::indented);
    write_view(json, view);
    out += '\n';
    return out;
}

std::string list_json(std::span<const StateView> views) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (const StateView& view : views) write_view(json, view);
    json.end_array();
    out += '\n';
    return out;
}

// The names of the members are those of Go's struct, which gives no others for them.
static void write_interface(JsonWriter& json, const InterfaceStats& interface) {
    json.begin_object();
    json.key("Name").string(interface.name);
    json.key("RxBytes").number(interface.rx_bytes);
    json.key("RxPackets").number(interface.rx_packets);
    json.key("RxErrors").number(interface.rx_errors);
    json.key("RxDropped").number(interface.rx_dropped);
    json.key("TxBytes").number(interface.tx_bytes);
    json.key("TxPackets").number(interface.tx_packets);
    json.key("TxErrors").number(interface.tx_errors);
    json.key("TxDropped").number(interface.tx_dropped);
    json.end_object();
}

std::string event_json(std::string_view id, const ContainerStats* stats) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("type").string(stats ? "stats" : "oom");
    json.key("id").string(id);
    if (stats) {
        json.key("data").begin_object();
        cgroup::write_stats(json, stats->cgroup);
        json.key("intel_rdt").begin_object();
        if (stats->rdt) rdt::write_stats(json, *stats->rdt);
        json.end_object();
        json.key("network_interfaces");
        if (stats->interfaces.empty()) {
            json.null();
        } else {
            json.begin_array();
            for (const InterfaceStats& interface : stats->interfaces) write_interface(json, interface);
            json.end_array();
        }
        json.end_object();
    }
    json.end_object();
    out += '\n';
    return out;
}

std::string list_table(std::span<const StateView> views) {
    using Row = std::array<std::string, 6>;
    constexpr std::size_t kWidthMin = 12, kGap = 3;
    std::vector<Row> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
    for (const StateView& view : views)
        rows.push_back({view.id, std::to_string(view.pid), std::string(status_word(view.status)), view.bundle,
                        view.created, view.owner});
    std::array<std::size_t, 6> widths;
    widths.fill(kWidthMin);
    for (const Row& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size() + kGap);
    std::string out;
    for (const Row& row : rows) {
        for (std::size_t i = 0; i + 1 < row.size(); ++i)
            out += row[i] + std::string(widths[i] - row[i].size(), ' ');
        out += row.back();
        out += '\n';
    }
    return out;
}

}  // namespace urc::cli
