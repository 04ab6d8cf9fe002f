#include "core/rdt/stats.h"

#include <algorithm>

#include "core/json_put.h"
#include "core/mountinfo.h"
#include "core/number.h"
#include "uring/file.h"

namespace urc::rdt {

namespace {

std::string text_of(const std::string& path) {
    auto text = read_file_at(AT_FDCWD, path.c_str());
    if (!text) return {};
    while (text->ends_with('\n')) text->pop_back();
    return std::move(*text);
}

// 0 for "Unavailable" and whatever else is no number.
std::uint64_t number_in(const std::string& path) {
    return parse_number<std::uint64_t>(text_of(path)).value_or(0);
}

std::vector<std::string> lines_of(const std::string& path) {
    std::vector<std::string> lines;
    const std::string text = text_of(path);
    for (std::string_view rest = text; !rest.empty();) {
        std::string_view line = take_until(rest, '\n');
        line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
        if (!line.empty()) lines.emplace_back(line);
    }
    return lines;
}

std::string line_that_begins(const std::vector<std::string>& lines, std::string_view word) {
    for (const std::string& line : lines)
        if (line.starts_with(word)) return line;
    return {};
}

}  // namespace

Stats read_stats(const Host& host, const Group& group) {
    Stats stats;
    if (group.path.empty()) return stats;
    auto resctrl = Resctrl::find(host);
    if (!resctrl) return stats;
    const std::string info = resctrl->root() + "/info/";
    const std::vector<std::string> everybody = lines_of(resctrl->root() + "/schemata");
    stats.schemata = lines_of(group.path + "/schemata");
    stats.shares_cache = resctrl->shares_cache();
    stats.shares_bandwidth = resctrl->shares_bandwidth();
    if (stats.shares_cache) {
        stats.cache_mask = text_of(info + "L3/cbm_mask");
        stats.cache_bits_min = number_in(info + "L3/min_cbm_bits");
        stats.cache_groups = number_in(info + "L3/num_closids");
        stats.cache_root = line_that_begins(everybody, "L3");
        stats.cache = line_that_begins(stats.schemata, "L3");
    }
    if (stats.shares_bandwidth) {
        stats.bandwidth_step = number_in(info + "MB/bandwidth_gran");
        stats.bandwidth_delay_linear = number_in(info + "MB/delay_linear");
        stats.bandwidth_min = number_in(info + "MB/min_bandwidth");
        stats.bandwidth_groups = number_in(info + "MB/num_closids");
        stats.bandwidth_root = line_that_begins(everybody, "MB");
        stats.bandwidth = line_that_begins(stats.schemata, "MB");
    }
    stats.watches_occupancy = resctrl->watches("llc_occupancy");
    stats.watches_bandwidth = resctrl->watches("mbm_total_bytes") || resctrl->watches("mbm_local_bytes");
    const std::string data = (group.monitor.empty() ? group.path : group.monitor) + "/mon_data/";
    for (const std::string& name : names_in(data))
        stats.domains.push_back({.occupancy = number_in(data + name + "/llc_occupancy"),
                                 .total_bytes = number_in(data + name + "/mbm_total_bytes"),
                                 .local_bytes = number_in(data + name + "/mbm_local_bytes")});
    return stats;
}

void write_stats(JsonWriter& json, const Stats& stats) {
    if (stats.shares_cache) {
        json.key("l3_cache_info").begin_object();
        put_set(json, "cbm_mask", stats.cache_mask);
        put_set(json, "min_cbm_bits", stats.cache_bits_min);
        put_set(json, "num_closids", stats.cache_groups);
        json.end_object();
    }
    put_set(json, "l3_cache_schema_root", stats.cache_root);
    put_set(json, "l3_cache_schema", stats.cache);
    if (stats.shares_bandwidth) {
        json.key("mem_bw_info").begin_object();
        put_set(json, "bandwidth_gran", stats.bandwidth_step);
        put_set(json, "delay_linear", stats.bandwidth_delay_linear);
        put_set(json, "min_bandwidth", stats.bandwidth_min);
        put_set(json, "num_closids", stats.bandwidth_groups);
        json.end_object();
    }
    put_set(json, "mem_bw_schema_root", stats.bandwidth_root);
    put_set(json, "mem_bw_schema", stats.bandwidth);
    if (!stats.schemata.empty()) {
        json.key("schemata").begin_array();
        for (const std::string& line : stats.schemata) json.string(line);
        json.end_array();
    }
    if (stats.watches_bandwidth && !stats.domains.empty()) {
        json.key("mbm_stats").begin_array();
        for (const Stats::Domain& domain : stats.domains) {
            json.begin_object();
            json.key("mbm_total_bytes").number(domain.total_bytes);
            json.key("mbm_local_bytes").number(domain.local_bytes);
            json.end_object();
        }
        json.end_array();
    }
    if (stats.watches_occupancy && !stats.domains.empty()) {
        json.key("cmt_stats").begin_array();
        for (const Stats::Domain& domain : stats.domains) {
            json.begin_object();
            json.key("llc_occupancy").number(domain.occupancy);
            json.end_object();
        }
        json.end_array();
    }
}

}  // namespace urc::rdt
