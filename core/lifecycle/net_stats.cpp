#include "core/lifecycle/net_stats.h"

#include <array>

#include "core/number.h"
#include "uring/file.h"

namespace urc {

std::vector<InterfaceStats> parse_net_dev(std::string_view text) {
    std::vector<InterfaceStats> interfaces;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        // Names may hold anything but a blank and a slash; the numbers hold no colon.
        const std::size_t colon = line.rfind(':');
        if (colon == line.npos) continue;  // the two lines of the header
        std::string_view name = line.substr(0, colon);
        name.remove_prefix(std::min(name.size(), name.find_first_not_of(' ')));
        if (name == "lo") continue;
        line.remove_prefix(colon + 1);
        std::array<std::uint64_t, 16> numbers{};
        for (std::uint64_t& number : numbers) {
            line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
            const std::string_view word = line.substr(0, line.find(' '));
            number = parse_number<std::uint64_t>(word).value_or(0);
            line.remove_prefix(word.size());
        }
        interfaces.push_back({std::string(name), numbers[0], numbers[1], numbers[2], numbers[3], numbers[8],
                              numbers[9], numbers[10], numbers[11]});
    }
    return interfaces;
}

std::vector<InterfaceStats> read_net_stats(const ProcessId& process) {
    const std::string path = "/proc/" + std::to_string(process.pid) + "/net/dev";
    auto text = read_file_at(AT_FDCWD, path.c_str(), 16 << 20);
    // Asked afterwards: alive now, it was the one that was read.
    if (!text.ok() || !is_alive(process)) return {};
    return parse_net_dev(*text);
}

}  // namespace urc
