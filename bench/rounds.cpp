#include "bench/rounds.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "bench/runner.h"

namespace urc::bench {

std::vector<std::size_t> shuffled(std::size_t count, std::mt19937_64& random) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    return order;
}

std::string Ids::next() {
    return fmt::format("urc-bench-{}-{}", ::getpid(), ++last_);
}

void in_rounds(const Rounds& rounds, std::size_t contestants,
               const std::function<void(std::size_t, const std::string&, bool)>& run) {
    std::mt19937_64 random(rounds.seed);
    Ids ids;
    for (unsigned round = 0; round < rounds.warm_up + rounds.runs; ++round) {
        for (const std::size_t index : shuffled(contestants, random)) {
            if (was_interrupted()) return;
            run(index, ids.next(), round >= rounds.warm_up);
            if (rounds.gap_ms > 0) ::usleep(rounds.gap_ms * 1000);
        }
    }
}

}  // namespace urc::bench
