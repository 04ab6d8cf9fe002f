#include "core/cgroup/stats.h"

#include <fcntl.h>

#include <algorithm>

#include "core/cgroup/stats_read.h"
#include "core/number.h"

namespace urc::cgroup {

std::string stat_text(int dir, const char* file) {
    auto text = read_control(dir, file);
    return text.ok() ? std::move(*text) : std::string();
}

std::uint64_t stat_number(std::string_view text) {
    if (text == "max") return std::numeric_limits<std::uint64_t>::max();
    return parse_number<std::uint64_t>(text).value_or(0);
}

std::uint64_t stat_number(int dir, const std::string& file) {
    auto line = read_line(dir, file.c_str());
    return line.ok() ? stat_number(*line) : 0;
}

std::string_view take_word(std::string_view& line, std::string_view separators) {
    const std::string_view word = line.substr(0, line.find_first_of(separators));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    return word;
}

std::vector<std::pair<std::string, std::uint64_t>> stat_pairs(std::string_view text) {
    std::vector<std::pair<std::string, std::uint64_t>> pairs;
    each_line(text, [&](std::string_view line) {
        const std::string_view key = take_word(line);
        pairs.emplace_back(key, stat_number(line));
    });
    std::sort(pairs.begin(), pairs.end());
    return pairs;
}

std::vector<std::uint16_t> stat_list(std::string_view text) {
    std::vector<std::uint16_t> numbers;
    while (!text.empty()) {
        std::string_view range = take_word(text, ",");
        const auto first = parse_number<std::uint16_t>(take_word(range, "-"));
        const auto last = range.empty() ? first : parse_number<std::uint16_t>(range);
        if (!first || !last) continue;
        for (std::uint32_t number = *first; number <= *last && numbers.size() <= 0xffff; ++number)
            numbers.push_back(static_cast<std::uint16_t>(number));
    }
    return numbers;
}

namespace {

// "12.34" as 1234.
std::uint32_t hundredths(std::string_view text) {
    const std::string_view whole = take_word(text, ".");
    std::string digits(text.substr(0, 2));
    digits.resize(2, '0');
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(stat_number(whole), 1'000'000) * 100 +
                                      stat_number(digits));
}

}  // namespace

std::optional<Pressure> parse_pressure(std::string_view text) {
    if (text.empty()) return std::nullopt;
    Pressure pressure;
    each_line(text, [&](std::string_view line) {
        const std::string_view kind = take_word(line);
        PressureLine values;
        while (!line.empty()) {
            std::string_view value = take_word(line);
            const std::string_view key = take_word(value, "=");
            if (key == "avg10") values.avg10 = hundredths(value);
            if (key == "avg60") values.avg60 = hundredths(value);
            if (key == "avg300") values.avg300 = hundredths(value);
            if (key == "total") values.total_us = stat_number(value);
        }
        (kind == "full" ? pressure.full : pressure.some) = values;
    });
    return pressure;
}

std::vector<std::string> hugepage_sizes(const char* directory) {
    std::vector<std::string> sizes;
    Fd dir(::open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!dir) return sizes;
    for (std::string_view name : child_names(dir.get())) {
        constexpr std::string_view kPrefix = "hugepages-", kSuffix = "kB";
        if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
        name.remove_prefix(kPrefix.size());
        name.remove_suffix(kSuffix.size());
        std::uint64_t size = stat_number(name);
        std::size_t unit = 0;
        for (; unit < 2 && size >= 1024 && size % 1024 == 0; ++unit) size /= 1024;
        sizes.push_back(std::to_string(size) + "KMG"[unit] + "B");
    }
    std::sort(sizes.begin(), sizes.end());
    return sizes;
}

Stats read_stats(const Cgroup& cgroup) {
    Stats stats;
    if (cgroup.version() != Version::v2)
        read_stats_v1(cgroup, stats);
    else if (const Directory* directory = cgroup.directory(Controller::unified))
        read_stats_v2(directory->fd.get(), stats);
    return stats;
}

}  // namespace urc::cgroup
