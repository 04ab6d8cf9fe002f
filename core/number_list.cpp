#include "core/number_list.h"

#include <climits>

#include "core/number.h"

namespace urc {

std::optional<std::vector<unsigned long>> parse_number_list(std::string_view list, std::size_t size) {
    constexpr std::size_t kWidth = sizeof(unsigned long) * CHAR_BIT;
    if (size == 0) return std::nullopt;
    std::vector<unsigned long> mask((size + kWidth - 1) / kWidth);
    while (true) {
        std::size_t comma = list.find(',');
        std::string_view part = list.substr(0, comma);
        std::size_t dash = part.find('-');
        auto first = parse_number<std::size_t>(part.substr(0, dash), size - 1);
        auto last = dash == part.npos ? first : parse_number<std::size_t>(part.substr(dash + 1), size - 1);
        if (!first || !last || *last < *first) return std::nullopt;
        for (std::size_t number = *first; number <= *last; ++number)
            mask[number / kWidth] |= 1ul << (number % kWidth);
        if (comma == list.npos) return mask;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace urc
