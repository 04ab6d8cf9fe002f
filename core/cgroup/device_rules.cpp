#include "core/cgroup/device_rules.h"

#include <algorithm>

#include "core/cgroup/control.h"
#include "core/number.h"

namespace urc::cgroup {

namespace {

// /dev/console is not among them: inside it is a pty, and 5:1 is the host's console.
constexpr DeviceRuleLine kDefaultRules[] = {
    {true, 'c', kAny, kAny, kMknod},   {true, 'b', kAny, kAny, kMknod},
    {true, 'c', 1, 3, kAllAccess},      // null
    {true, 'c', 1, 5, kAllAccess},      // zero
    {true, 'c', 1, 7, kAllAccess},      // full
    {true, 'c', 1, 8, kAllAccess},      // random
    {true, 'c', 1, 9, kAllAccess},      // urandom
    {true, 'c', 5, 0, kAllAccess},      // tty
    {true, 'c', 5, 2, kAllAccess},      // ptmx
    {true, 'c', 136, kAny, kAllAccess}  // pts
};

std::string line_text(const DeviceState::Key& key, std::uint8_t access) {
    auto [type, major, minor] = key;
    std::string line(1, type);
    line += ' ';
    line += major == kAny ? "*" : std::string_view(Number(major));
    line += ':';
    line += minor == kAny ? "*" : std::string_view(Number(minor));
    line += ' ';
    if (access & kRead) line += 'r';
    if (access & kWrite) line += 'w';
    if (access & kMknod) line += 'm';
    return line;
}

bool covers(std::int64_t wide, std::int64_t narrow) {
    return wide == kAny || wide == narrow;
}
bool meets(std::int64_t a, std::int64_t b) {
    return covers(a, b) || covers(b, a);
}

std::uint8_t minus(std::uint8_t from, std::uint8_t what) {
    return static_cast<std::uint8_t>(from & ~what);
}

std::uint8_t access_in(const DeviceState& state, const DeviceState::Key& key) {
    auto found = state.exceptions.find(key);
    return found == state.exceptions.end() ? std::uint8_t{0} : found->second;
}

}  // namespace

std::vector<DeviceRuleLine> complete_rules(const std::vector<spec::DeviceRule>& rules) {
    std::vector<DeviceRuleLine> lines;
    lines.reserve(rules.size() + std::size(kDefaultRules));
    for (const spec::DeviceRule& rule : rules) {
        DeviceRuleLine line;
        line.allow = rule.allow;
        line.type = rule.type == 'u' ? 'c' : rule.type;
        line.major = rule.major.value_or(kAny);
        line.minor = rule.minor.value_or(kAny);
        line.access = static_cast<std::uint8_t>((rule.read ? kRead : 0) | (rule.write ? kWrite : 0) |
                                                (rule.mknod ? kMknod : 0));
        bool is_whole =
            line.major == kAny && line.minor == kAny && (line.access == kAllAccess || line.access == 0);
        if (line.type != 'a') {
            lines.push_back(line);
        } else if (is_whole) {
            lines.push_back({line.allow});
        } else {
            for (char type : {'b', 'c'}) {
                line.type = type;
                lines.push_back(line);
            }
        }
    }
    lines.insert(lines.end(), std::begin(kDefaultRules), std::end(kDefaultRules));
    return lines;
}

bool allows_all(const std::vector<DeviceRuleLine>& rules) {
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
        if (!rule->allow) return false;
        if (rule->type == 'a') return true;
    }
    return false;
}

Result<void> DeviceState::add(const DeviceRuleLine& rule) {
    if (rule.type == 'a') {
        is_allow_default = rule.allow;
        exceptions.clear();
        return {};
    }
    if (rule.allow != is_allow_default) {
        if (rule.access != 0) exceptions[{rule.type, rule.major, rule.minor}] |= rule.access;
        return {};
    }
    for (auto exception = exceptions.begin(); exception != exceptions.end();) {
        auto [type, major, minor] = exception->first;
        bool is_met = type == rule.type && meets(major, rule.major) && meets(minor, rule.minor);
        bool is_covered = covers(rule.major, major) && covers(rule.minor, minor);
        if (is_met && !is_covered && (exception->second & rule.access) != 0) {
            return Error(EINVAL, "device rule that cgroup v1 cannot express",
                         line_text({rule.type, rule.major, rule.minor}, rule.access));
        }
        if (is_met && is_covered) exception->second = minus(exception->second, rule.access);
        exception = exception->second == 0 ? exceptions.erase(exception) : std::next(exception);
    }
    return {};
}

Result<DeviceState> device_state(const std::vector<DeviceRuleLine>& rules) {
    DeviceState state;
    for (const DeviceRuleLine& rule : rules) URC_TRY_VOID(state.add(rule));
    return state;
}

DeviceState parse_device_list(std::string_view text) {
    DeviceState state;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        std::size_t colon = line.find(':'), blank = line.find(' ', 2);
        if (line.empty() || line[0] == 'a') return {true, {}};
        if (colon == std::string_view::npos || blank == std::string_view::npos || colon > blank) continue;
        std::string_view major = line.substr(2, colon - 2), minor = line.substr(colon + 1, blank - colon - 1);
        std::uint8_t access = 0;
        for (char letter : line.substr(blank + 1))
            access |= letter == 'r' ? kRead : letter == 'w' ? kWrite : letter == 'm' ? kMknod : 0;
        state.exceptions[{line[0], parse_number<std::int64_t>(major).value_or(kAny),
                          parse_number<std::int64_t>(minor).value_or(kAny)}] |= access;
    }
    return state;
}

std::vector<DeviceWrite> all_writes(const DeviceState& wanted) {
    std::vector<DeviceWrite> writes;
    writes.reserve(wanted.exceptions.size() + 1);
    writes.push_back({wanted.is_allow_default, "a"});
    for (const auto& [key, access] : wanted.exceptions)
        writes.push_back({!wanted.is_allow_default, line_text(key, access)});
    return writes;
}

std::vector<DeviceWrite> change_writes(const DeviceState& current, const DeviceState& wanted) {
    // The exceptions of an allow-all state cannot be read, so they cannot be compared.
    if (current.is_allow_default || wanted.is_allow_default) return all_writes(wanted);
    std::vector<DeviceWrite> writes;
    for (const auto& [key, access] : wanted.exceptions) {
        std::uint8_t added = minus(access, access_in(current, key));
        if (added != 0) writes.push_back({true, line_text(key, added)});
    }
    for (const auto& [key, access] : current.exceptions) {
        std::uint8_t removed = minus(access, access_in(wanted, key));
        if (removed != 0) writes.push_back({false, line_text(key, removed)});
    }
    return writes;
}

}  // namespace urc::cgroup
