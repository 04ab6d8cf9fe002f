// Lists of numbers as cpuset(7) writes them: "0-3,7".
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace urc {

// The list as a bit mask for the kernel, `size` bits long: number n is bit n % width of word n / width.
// Strict: no blanks, no empty parts, no range that runs backwards; nullopt also for numbers from `size` on.
std::optional<std::vector<unsigned long>> parse_number_list(std::string_view list, std::size_t size);

}  // namespace urc
