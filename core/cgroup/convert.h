// The specification's v1 units in those of v2. Pure functions; the tests hold their tables.
#pragma once

#include <cstdint>
#include <optional>

#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::cgroup {

// cpu.shares (2..262144, 1024 is the default) to cpu.weight (1..10000, 100 is the default), by the curve that
// maps all three onto each other: 10^((l^2 + 125 l) / 612 - 7/34), l = log2(shares). 0 ("not set") for 0.
std::uint64_t cpu_weight(std::uint64_t shares);

// blkio.weight (10..1000) to io.weight (1..10000), linear.
std::uint64_t io_weight(std::uint64_t weight);

// memory.swap.max from the specification's `swap`, which counts memory and swap together as v1 does. nullopt:
// leave it alone; negative: no limit. An Error when it cannot be: swap without memory, or less than that.
Result<std::optional<std::int64_t>> swap_max(const spec::MemoryResources& memory);

}  // namespace urc::cgroup
