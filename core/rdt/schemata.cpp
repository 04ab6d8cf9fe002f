#include "core/rdt/schemata.h"

#include <algorithm>
#include <optional>

#include "core/mountinfo.h"
#include "core/number.h"
#include "core/spec/text.h"

namespace urc::rdt {

namespace {

struct Value {
    std::string_view resource, domain, amount;
};

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// "L3:0=ff;1=c0" to a value a domain. False when it is something else.
bool read_line(std::string_view line, std::vector<Value>& out) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view resource = trimmed(line.substr(0, colon));
    for (std::string_view rest = line.substr(colon + 1); !rest.empty();) {
        std::string_view part = trimmed(take_until(rest, ';'));
        if (part.empty()) continue;
        const std::string_view domain = trimmed(take_until(part, '='));
        const std::string_view amount = trimmed(part);
        if (domain.empty() || amount.empty()) return false;
        out.push_back({resource, domain, amount});
    }
    return !resource.empty();
}

std::optional<std::uint64_t> number_of(const Value& value, unsigned bandwidth_step) {
    const bool is_bandwidth = value.resource == "MB";
    auto number = parse_number<std::uint64_t>(value.amount, ~std::uint64_t{0}, is_bandwidth ? 10 : 16);
    if (number && is_bandwidth && bandwidth_step > 1)
        *number = (*number / bandwidth_step + (*number % bandwidth_step != 0)) * bandwidth_step;
    return number;
}

bool is_same(const Value& a, const Value& b, unsigned bandwidth_step) {
    if (a.resource != b.resource || a.domain != b.domain) return false;
    auto number = number_of(a, bandwidth_step), other = number_of(b, bandwidth_step);
    return number && other ? *number == *other : a.amount == b.amount;
}

}  // namespace

std::string join_schemas(std::string_view l3_cache, std::string_view mem_bw) {
    std::string text;
    for (std::string_view rest = l3_cache; !rest.empty();) {
        const std::string_view line = take_until(rest, '\n');
        if (!line.empty() && !line.starts_with("MB:")) text.append(line).append("\n");
    }
    if (!mem_bw.empty()) text.append(mem_bw).append("\n");
    return text;
}

std::string join_schemas(const std::vector<std::string>& schemata) {
    std::string text;
    for (const std::string& line : schemata)
        if (!line.empty()) text.append(line).append("\n");
    return text;
}

Result<void> check_same(std::string_view wanted, std::string_view current, unsigned bandwidth_step) {
    std::vector<Value> there;
    while (!current.empty()) (void)read_line(take_until(current, '\n'), there);
    while (!wanted.empty()) {
        const std::string_view line = take_until(wanted, '\n');
        if (line.empty()) continue;
        std::vector<Value> values;
        if (!read_line(line, values)) return Error::message("not a schema: " + spec::in_quotes(line));
        for (const Value& value : values) {
            bool is_there = std::any_of(there.begin(), there.end(), [&](const Value& other) {
                return is_same(value, other, bandwidth_step);
            });
            if (!is_there)
                return Error::message("the group exists with other schemata than " + spec::in_quotes(line));
        }
    }
    return {};
}

}  // namespace urc::rdt
