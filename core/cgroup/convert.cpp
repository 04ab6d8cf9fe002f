#include "core/cgroup/convert.h"

#include <cmath>

namespace urc::cgroup {

std::uint64_t cpu_weight(std::uint64_t shares) {
    if (shares == 0) return 0;
    if (shares <= 2) return 1;
    if (shares >= 262144) return 10000;
    double l = std::log2(static_cast<double>(shares));
    double exponent = (l * l + 125 * l) / 612.0 - 7.0 / 34.0;
    return static_cast<std::uint64_t>(std::ceil(std::pow(10, exponent)));
}

std::uint64_t io_weight(std::uint64_t weight) {
    if (weight <= 10) return 1;
    return 1 + (weight - 10) * 9999 / 990;
}

Result<std::optional<std::int64_t>> swap_max(const spec::MemoryResources& memory) {
    std::int64_t limit = memory.limit.value_or(0);
    std::int64_t swap = memory.swap.value_or(0);
    if (swap == 0) {
        // As on v1: lifting the memory limit alone lifts that on swap as well.
        if (limit == -1) return std::optional<std::int64_t>(-1);
        return std::optional<std::int64_t>();
    }
    if (swap < 0) return std::optional<std::int64_t>(-1);
    if (limit == 0 || limit == -1) return Error::message("unable to set swap limit without memory limit");
    if (limit < 0) return Error::message("invalid memory limit");
    if (swap < limit) return Error::message("memory+swap limit should be >= memory limit");
    return std::optional<std::int64_t>(swap - limit);
}

}  // namespace urc::cgroup
