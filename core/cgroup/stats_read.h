// Numbers in control files, for the two halves of read_stats().
#pragma once

#include <algorithm>
#include <limits>
#include <string_view>

#include "core/cgroup/control.h"
#include "core/cgroup/stats.h"

namespace urc::cgroup {

// The text of `file` in `dir`; empty when it cannot be read.
std::string stat_text(int dir, const char* file);

// The number that `text` is; 2^64-1 for "max", 0 for anything else.
std::uint64_t stat_number(std::string_view text);
std::uint64_t stat_number(int dir, const std::string& file);

// Calls `visit(line)` for each line.
template <typename Visit>
void each_line(std::string_view text, Visit visit) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (!line.empty()) visit(line);
    }
}

// Takes the next word off the front of `line`; the separators are single characters of `separators`.
std::string_view take_word(std::string_view& line, std::string_view separators = " ");

// Lines "KEY NUMBER", sorted by key.
std::vector<std::pair<std::string, std::uint64_t>> stat_pairs(std::string_view text);

// "0-2,5" as numbers; at most 65536 of them.
std::vector<std::uint16_t> stat_list(std::string_view text);

// The text of cpu.pressure and its like; nullopt when there is none.
std::optional<Pressure> parse_pressure(std::string_view text);

void read_stats_v1(const Cgroup& cgroup, Stats& stats);
void read_stats_v2(int dir, Stats& stats);

}  // namespace urc::cgroup
