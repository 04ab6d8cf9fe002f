// compare: two results of the harness (--json), and whether the later one is worse. For CI: the exit status
// says it.
//
// A quantity is worse when its median has changed for the worse by more than the tolerance and the two
// intervals have nothing in common: the 95 % interval of a median or of a ratio to the base, and for what is
// measured once a round all rounds. Where there is a ratio to a base, it alone counts: times of two days are
// not of one machine, ratios nearly are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "uring/result.h"

namespace urc::bench {

enum class Verdict : unsigned char { same, better, worse };

struct Value {
    double median = 0, low = 0, high = 0;
};

struct Change {
    std::string report;    // "start", "proxy down 8"
    std::string row;       // "urc"
    std::string quantity;  // "start_ns", "rate_over_base"
    Value before, after;
    Verdict verdict = Verdict::same;
};

struct Comparison {
    std::vector<Change> changes;
    std::vector<std::string>
        missing;  // rows of the earlier result that the later one has not, or only failed

    bool is_worse() const;
};

// `tolerance`: 0.05 is five percent. EINVAL when one of them is no result.
Result<Comparison> compare(std::string_view before, std::string_view after, double tolerance);

std::string to_table(const Comparison& comparison);

}  // namespace urc::bench
