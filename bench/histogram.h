// Measured times in nanoseconds, kept exactly: a run has hundreds of them, and ratios near 1.15 leave no room
// for bucket edges. Percentiles are nearest-rank (a value that was really measured, never an interpolation).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace urc::bench {

class Samples {
public:
    void add(std::uint64_t value_ns);

    std::size_t count() const noexcept { return values_.size(); }
    bool empty() const noexcept { return values_.empty(); }

    // 0 < percent <= 100. 0 when there is no sample.
    std::uint64_t percentile(double percent) const;
    std::uint64_t median() const { return percentile(50); }
    std::uint64_t min() const { return percentile(0.0001); }
    std::uint64_t max() const { return percentile(100); }

    // The 95 % interval of the median, of values that were measured (by the binomial distribution of their
    // ranks).
    std::pair<std::uint64_t, std::uint64_t> median_interval() const;

    // Counts by lower bound, eight buckets to each doubling, empty ones left out: for plots.
    std::vector<std::pair<std::uint64_t, std::size_t>> buckets() const;

    const std::vector<std::uint64_t>& sorted() const;

private:
    mutable std::vector<std::uint64_t> values_;
    mutable bool is_sorted_ = true;
};

struct Ratio {
    double value = 0;
    double low = 0;  // the middle 95 % of the ratios of resampled medians
    double high = 0;
};

// median(a) / median(b) with its bootstrap interval; all zero when either side has no sample.
Ratio ratio_of_medians(const Samples& a, const Samples& b, std::uint64_t seed);

}  // namespace urc::bench
