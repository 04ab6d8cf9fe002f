#include "core/relay/time_text.h"

#include <cstring>

#include "core/timestamp.h"

namespace urc::relay {
namespace {
constexpr std::size_t kSecondsSize = 20;  // up to the point, and the point
}

const char* TimeText::at(WallTime time) noexcept {
    std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(time).count();
    if (seconds != seconds_) write_seconds(seconds);
    auto rest = static_cast<std::uint32_t>(time.count() - seconds * 1'000'000'000);
    for (std::size_t i = kSize; i > kSecondsSize; rest /= 10) text_[--i] = static_cast<char>('0' + rest % 10);
    return text_;
}

void TimeText::write_seconds(std::int64_t seconds) noexcept {
    timespec time{};
    time.tv_sec = seconds;
    std::memcpy(text_, rfc3339(time, 9).data(), kSecondsSize);
    seconds_ = seconds;
}

}  // namespace urc::relay
