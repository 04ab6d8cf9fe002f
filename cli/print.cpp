#include "cli/print.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "core/cgroup/stats_json.h"
#include "core/json_writer.h"
#include "core/version.h"
#include "uring/file.h"

namespace urc::cli {
namespace {

void write_port(JsonWriter& json, const ports::Spec& spec) {
    json.key("protocol").string(ports::protocol_name(spec.protocol));
    json.key("hostIp").string(spec.host_ip);
    json.key("hostPort").number(spec.host_port);
    json.key("childIp").string(spec.child_ip);
    json.key("childPort").number(spec.child_port);
    if (spec.handover) json.key("handover").boolean(true);
    if (spec.max > 0) json.key("max").number(spec.max);
}

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
    if (!view.ports.empty()) {
        json.key("ports").begin_array();
        for (const ports::Spec& spec : view.ports) {
            json.begin_object();
            write_port(json, spec);
            json.end_object();
        }
        json.end_array();
    }
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

namespace {

using Rows = std::vector<std::vector<std::string>>;

// Columns three blanks apart and at least twelve wide; the last one as it is.
std::string table_of(const Rows& rows) {
    constexpr std::size_t kWidthMin = 12, kGap = 3;
    std::vector<std::size_t> widths(rows.front().size(), kWidthMin);
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size() + kGap);
    std::string out;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i + 1 < row.size(); ++i)
            out += row[i] + std::string(widths[i] - row[i].size(), ' ');
        out += row.back();
        out += '\n';
    }
    return out;
}

}  // namespace

std::string list_table(std::span<const StateView> views) {
    Rows rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
    for (const StateView& view : views)
        rows.push_back({view.id, std::to_string(view.pid), std::string(status_word(view.status)), view.bundle,
                        view.created, view.owner});
    return table_of(rows);
}

std::string ports_table(std::span<const PublishedPort> ports, bool has_stats) {
    Rows rows{{"HOST", "CONTAINER", "PROTOCOL"}};
    if (has_stats)
        for (const char* name : {"CONNECTIONS", "LIVE", "BYTES IN", "BYTES OUT", "ERRORS", "PAUSES"})
            rows[0].push_back(name);
    for (const auto& [spec, stats] : ports) {
        auto& row = rows.emplace_back();
        row = {ports::address_text(spec.host_ip, spec.host_port),
               spec.handover ? "handover" : ports::address_text(spec.child_ip, spec.child_port),
               std::string(ports::protocol_name(spec.protocol))};
        if (!has_stats) continue;
        for (std::uint64_t number :
             {stats.connections, stats.live, stats.bytes_in, stats.bytes_out, stats.errors, stats.pauses})
            row.push_back(std::to_string(number));
    }
    return table_of(rows);
}

std::string ports_json(std::span<const PublishedPort> ports, bool has_stats) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (const auto& [spec, stats] : ports) {
        json.begin_object();
        write_port(json, spec);
        if (has_stats) {
            json.key("connections").number(stats.connections);
            json.key("live").number(stats.live);
            json.key("bytesIn").number(stats.bytes_in);
            json.key("bytesOut").number(stats.bytes_out);
            json.key("errors").number(stats.errors);
            json.key("pauses").number(stats.pauses);
        }
        json.end_object();
    }
    json.end_array();
    out += '\n';
    return out;
}

Result<void> tell_published(const ports::Spec& asked, const ports::Spec& opened) {
    if (asked.host_port != 0) return {};
    return write_all(STDOUT_FILENO, ports::spec_text(opened) + "\n", "stdout");
}

}  // namespace urc::cli
