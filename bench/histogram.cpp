#include "bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

namespace urc::bench {

namespace {

constexpr unsigned kBucketsPerDoublingBits = 3;
constexpr int kResamples = 1000;

std::uint64_t bucket_floor(std::uint64_t value) {
    const auto bits = static_cast<unsigned>(std::bit_width(value));
    if (bits <= kBucketsPerDoublingBits + 1) return value;
    const unsigned dropped = bits - kBucketsPerDoublingBits - 1;
    return (value >> dropped) << dropped;
}

// The median of as many values as there are, drawn with replacement.
double resampled_median(const std::vector<std::uint64_t>& values, std::mt19937_64& random,
                        std::vector<std::uint64_t>& scratch) {
    std::uniform_int_distribution<std::size_t> index(0, values.size() - 1);
    scratch.clear();
    for (std::size_t i = 0; i < values.size(); ++i) scratch.push_back(values[index(random)]);
    const auto middle = scratch.begin() + static_cast<std::ptrdiff_t>((scratch.size() - 1) / 2);
    std::nth_element(scratch.begin(), middle, scratch.end());
    return static_cast<double>(*middle);
}

}  // namespace

void Samples::add(std::uint64_t value_ns) {
    values_.push_back(value_ns);
    is_sorted_ = false;
}

const std::vector<std::uint64_t>& Samples::sorted() const {
    if (!is_sorted_) std::sort(values_.begin(), values_.end());
    is_sorted_ = true;
    return values_;
}

std::uint64_t Samples::percentile(double percent) const {
    if (values_.empty()) return 0;
    const double rank = std::ceil(percent / 100 * static_cast<double>(values_.size()));
    const auto index = static_cast<std::size_t>(std::max(1.0, rank)) - 1;
    return sorted()[std::min(index, values_.size() - 1)];
}

std::pair<std::uint64_t, std::uint64_t> Samples::median_interval() const {
    if (values_.empty()) return {0, 0};
    const auto count = static_cast<double>(values_.size());
    const double half = 1.96 * std::sqrt(count) / 2;
    const auto at = [&](double rank) {
        return sorted()[static_cast<std::size_t>(std::clamp(rank, 1.0, count)) - 1];
    };
    return {at(std::floor(count / 2 - half)), at(std::ceil(count / 2 + half) + 1)};
}

std::vector<std::pair<std::uint64_t, std::size_t>> Samples::buckets() const {
    std::vector<std::pair<std::uint64_t, std::size_t>> result;
    for (std::uint64_t value : sorted()) {
        const std::uint64_t lower = bucket_floor(value);
        if (result.empty() || result.back().first != lower) result.emplace_back(lower, 0);
        ++result.back().second;
    }
    return result;
}

Ratio ratio_of_medians(const Samples& a, const Samples& b, std::uint64_t seed) {
    if (a.empty() || b.empty() || b.median() == 0) return {};
    std::mt19937_64 random(seed);
    std::vector<double> ratios;
    std::vector<std::uint64_t> scratch;
    for (int i = 0; i < kResamples; ++i) {
        const double top = resampled_median(a.sorted(), random, scratch);
        const double bottom = resampled_median(b.sorted(), random, scratch);
        ratios.push_back(bottom > 0 ? top / bottom : 0);
    }
    std::sort(ratios.begin(), ratios.end());
    return {static_cast<double>(a.median()) / static_cast<double>(b.median()), ratios[kResamples * 25 / 1000],
            ratios[kResamples * 975 / 1000 - 1]};
}

}  // namespace urc::bench
