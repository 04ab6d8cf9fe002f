/* Times in buckets, as an HDR histogram has them: 128 to each doubling, so less than one percent apart. */
#pragma once

#include <stdint.h>

enum { kTimesBits = 7, kTimesBuckets = 64 << kTimesBits };

struct times {
    uint64_t counts[kTimesBuckets];
    uint64_t total;
};

static inline unsigned times_index(uint64_t value) {
    if (value < 1u << kTimesBits) return (unsigned)value;
    const unsigned shift = 63u - (unsigned)__builtin_clzll(value) - kTimesBits;
    return ((shift + 1) << kTimesBits) + (unsigned)((value >> shift) - (1u << kTimesBits));
}

/* The least value of a bucket. */
static inline int64_t times_value(unsigned index) {
    if (index < 1u << kTimesBits) return index;
    const unsigned shift = (index >> kTimesBits) - 1;
    return (int64_t)((uint64_t)((index & ((1u << kTimesBits) - 1)) + (1u << kTimesBits)) << shift);
}

static inline void times_add(struct times* times, int64_t value) {
    ++times->counts[times_index(value > 0 ? (uint64_t)value : 0)];
    ++times->total;
}

/* 0 when there is none. */
static inline int64_t times_percentile(const struct times* times, unsigned percent) {
    const uint64_t wanted = (times->total * percent + 99) / 100;
    uint64_t seen = 0;
    for (unsigned i = 0; i < kTimesBuckets; ++i) {
        seen += times->counts[i];
        if (seen >= wanted && seen > 0) return times_value(i);
    }
    return 0;
}
