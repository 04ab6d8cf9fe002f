// TimeText: the time of a record, as the log formats want it. Every read has its own nanoseconds, but the
// part up to the second is worked out once a second.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace urc::relay {

// Since the epoch, by the clock on the wall.
using WallTime = std::chrono::nanoseconds;

class TimeText {
public:
    // `2006-01-02T15:04:05.000000000`: always so many letters, no zone.
    static constexpr std::size_t kSize = 29;

    const char* at(WallTime time) noexcept;

private:
    void write_seconds(std::int64_t seconds) noexcept;

    std::int64_t seconds_ = INT64_MIN;
    char text_[kSize];
};

}  // namespace urc::relay
