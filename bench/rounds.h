// The order of measuring. One run of every contestant in each round, in an order drawn anew: what disturbs
// the machine disturbs all alike. Ids are never used twice, so that what a failed run left cannot fail the
// next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace urc::bench {

// 0 to count - 1, shuffled.
std::vector<std::size_t> shuffled(std::size_t count, std::mt19937_64& random);

// Names of containers, distinct between two harnesses at once, too.
class Ids {
public:
    std::string next();

private:
    unsigned last_ = 0;
};

struct Rounds {
    unsigned warm_up = 0;  // before `runs`
    unsigned runs = 0;
    unsigned gap_ms = 0;  // after each run
    std::uint64_t seed = 0;
};

// Calls `run(contestant, id, is_measured)`; ends early when was_interrupted().
void in_rounds(const Rounds& rounds, std::size_t contestants,
               const std::function<void(std::size_t, const std::string&, bool)>& run);

}  // namespace urc::bench
