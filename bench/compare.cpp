#include "bench/compare.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

namespace urc::bench {

namespace {

namespace dom = simdjson::dom;

// A row's quantities by name.
using Quantities = std::map<std::string, Value>;

struct Read {
    std::vector<std::pair<std::string, std::string>> order;  // report and row, as they stand there
    std::map<std::pair<std::string, std::string>, Quantities> rows;
};

std::string text_of(dom::element object, std::string_view key) {
    std::string_view text;
    return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::optional<double> number_of(simdjson::simdjson_result<dom::element>&& element) {
    double number = 0;
    if (element.get(number) != simdjson::SUCCESS) return std::nullopt;
    return number;
}

// The median of what was measured once a round, and all of it.
std::optional<Value> value_of_rounds(const std::optional<double>& median,
                                     simdjson::simdjson_result<dom::element> rounds) {
    dom::array numbers;
    if (!median || rounds.get(numbers) != simdjson::SUCCESS || numbers.size() == 0) return std::nullopt;
    Value value{*median, *median, *median};
    for (const dom::element element : numbers) {
        const double number = number_of(dom::element(element)).value_or(*median);
        value.low = std::min(value.low, number);
        value.high = std::max(value.high, number);
    }
    return value;
}

void read_start(dom::element row, Quantities& quantities) {
    if (const auto ratio = number_of(row["start_over_base"]["ratio"])) {
        quantities["start_over_base"] = {*ratio, number_of(row["start_over_base"]["low"]).value_or(*ratio),
                                         number_of(row["start_over_base"]["high"]).value_or(*ratio)};
        return;
    }
    const auto median = number_of(row["start_ns"]["p50"]);
    if (!median) return;
    dom::array bounds;
    Value value{*median, *median, *median};
    if (row["start_ns"]["p50_95"].get(bounds) == simdjson::SUCCESS && bounds.size() == 2) {
        value.low = number_of(bounds.at(0)).value_or(*median);
        value.high = number_of(bounds.at(1)).value_or(*median);
    }
    quantities["start_ns"] = value;
}

void read_throughput(dom::element row, Quantities& quantities) {
    dom::array columns;
    if (row["throughput"].get(columns) != simdjson::SUCCESS) return;
    for (const dom::element column : columns) {
        const auto in_flight = number_of(column["in_flight"]);
        const auto value = value_of_rounds(number_of(column["per_second"]), column["blocks"]);
        if (in_flight && value) quantities[fmt::format("per_second, {} in flight", *in_flight)] = *value;
    }
}

void read_figures(dom::element row, Quantities& quantities) {
    dom::object figures;
    if (row["figures"].get(figures) != simdjson::SUCCESS) return;
    bool has_ratio = false;
    for (const auto [key, figure] : figures) has_ratio |= key.ends_with("_over_base") && !figure.is_null();
    for (const auto [key, figure] : figures) {
        // Beside its ratio the number itself says nothing.
        if (has_ratio && !key.ends_with("_over_base") && (key == "rate" || key == "cpu")) continue;
        if (const auto value = value_of_rounds(number_of(figure["median"]), figure["rounds"]))
            quantities[std::string(key)] = *value;
    }
}

bool read_report(std::string name, dom::element report, Read& read) {
    dom::array rows;
    if (report["rows"].get(rows) != simdjson::SUCCESS) return false;
    const std::string base = text_of(report, "base");
    for (const dom::element row : rows) {
        const std::pair key(name, text_of(row, "name"));
        Quantities quantities;
        read_start(row, quantities);
        read_throughput(row, quantities);
        read_figures(row, quantities);
        if (key.second == base) quantities.erase("start_over_base");  // it is always itself
        read.order.push_back(key);
        read.rows[key] = std::move(quantities);
    }
    return true;
}

// A report, an array of them, or an object of named ones.
Result<Read> read_result(std::string_view json, std::string_view which) {
    dom::parser parser;
    dom::element root;
    Read read;
    bool is_result = parser.parse(simdjson::padded_string(json)).get(root) == simdjson::SUCCESS;
    dom::array reports;
    dom::object named;
    if (is_result && root.get(reports) == simdjson::SUCCESS) {
        for (const dom::element report : reports)
            is_result = is_result && read_report(text_of(report, "subcommand"), report, read);
    } else if (is_result && root.get(named) == simdjson::SUCCESS) {
        dom::element rows;
        if (root["rows"].get(rows) == simdjson::SUCCESS) {
            is_result = read_report(text_of(root, "subcommand"), root, read);
        } else {
            for (const auto [name, report] : named)
                is_result = is_result && read_report(std::string(name), report, read);
        }
    }
    if (!is_result || read.rows.empty())
        return Error::message(fmt::format("compare: the {} file is no result of urc-bench", which), EINVAL);
    return read;
}

bool is_more_better(std::string_view quantity) {
    constexpr std::array<std::string_view, 7> kRates{
        "per_second", "rate", "gb_per_s", "million_lines_per_s", "per_s", "arrived", "singles"};
    return std::any_of(kRates.begin(), kRates.end(),
                       [&](std::string_view rate) { return quantity.find(rate) != quantity.npos; });
}

Verdict judge(std::string_view quantity, const Value& before, const Value& after, double tolerance) {
    const bool have_something_in_common = before.low <= after.high && after.low <= before.high;
    const double change = after.median - before.median;
    if (have_something_in_common || std::abs(change) <= tolerance * std::abs(before.median))
        return Verdict::same;
    return (change > 0) == is_more_better(quantity) ? Verdict::better : Verdict::worse;
}

std::string cell(const Value& value) {
    return fmt::format("{:.4g} ({:.4g}-{:.4g})", value.median, value.low, value.high);
}

}  // namespace

bool Comparison::is_worse() const {
    return !missing.empty() || std::any_of(changes.begin(), changes.end(), [](const Change& change) {
        return change.verdict == Verdict::worse;
    });
}

Result<Comparison> compare(std::string_view before, std::string_view after, double tolerance) {
    URC_TRY(const Read earlier, read_result(before, "earlier"));
    URC_TRY(const Read later, read_result(after, "later"));
    Comparison comparison;
    for (const auto& key : earlier.order) {
        const Quantities& quantities = earlier.rows.at(key);
        const auto row = later.rows.find(key);
        for (const auto& [name, value] : quantities) {
            const bool is_there = row != later.rows.end() && row->second.contains(name);
            if (!is_there) {
                comparison.missing.push_back(fmt::format("{}: {}: {}", key.first, key.second, name));
                continue;
            }
            const Value& now = row->second.at(name);
            comparison.changes.push_back(
                {key.first, key.second, name, value, now, judge(name, value, now, tolerance)});
        }
    }
    return comparison;
}

std::string to_table(const Comparison& comparison) {
    constexpr const char* kWords[] = {"same", "better", "WORSE"};
    std::string out =
        "| | row | quantity | before | after | after / before | verdict |\n|---|---|---|---|---|---|---|\n";
    for (const Change& change : comparison.changes) {
        const double ratio = change.before.median != 0 ? change.after.median / change.before.median : 0;
        out += fmt::format("| {} | {} | {} | {} | {} | {:.3f} | {} |\n", change.report, change.row,
                           change.quantity, cell(change.before), cell(change.after), ratio,
                           kWords[static_cast<std::size_t>(change.verdict)]);
    }
    for (const std::string& missing : comparison.missing)
        out += fmt::format("\nmissing in the later result: {}", missing);
    if (!comparison.missing.empty()) out += "\n";
    return out + (comparison.is_worse() ? "\nworse\n" : "\nnot worse\n");
}

}  // namespace urc::bench
