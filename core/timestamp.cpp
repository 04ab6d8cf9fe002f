#include "core/timestamp.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "core/number.h"

namespace urc {
namespace {

template <typename T>
T number_at(const std::string& text, std::size_t position, std::size_t length) {
    return parse_number<T>(std::string_view(text).substr(position, length)).value_or(T{0});
}

}  // namespace

std::string rfc3339(const timespec& time, int digits) {
    using namespace std::chrono;
    const sys_seconds instant{seconds{time.tv_sec}};
    const sys_days day = floor<days>(instant);
    const year_month_day date{day};
    const hh_mm_ss clock{instant - day};
    char text[96];
    int length =
        std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%09ld", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()), time.tv_nsec);
    length -= digits == 0 ? 10 : 9 - std::clamp(digits, 1, 9);
    return std::string(text, static_cast<std::size_t>(length)) + 'Z';
}

timespec parse_rfc3339(const std::string& text) {
    using namespace std::chrono;
    if (text.size() < 20 || text.size() > 30 || text.back() != 'Z' || text[10] != 'T') return {};
    const year_month_day date{year{number_at<int>(text, 0, 4)}, month{number_at<unsigned>(text, 5, 2)},
                              day{number_at<unsigned>(text, 8, 2)}};
    if (!date.ok()) return {};
    const auto instant = sys_days{date} + hours{number_at<int>(text, 11, 2)} +
                         minutes{number_at<int>(text, 14, 2)} + seconds{number_at<int>(text, 17, 2)};
    std::string fraction = text.size() > 20 ? text.substr(20, text.size() - 21) : "0";
    fraction.resize(9, '0');
    timespec time{};
    time.tv_sec = instant.time_since_epoch().count();
    time.tv_nsec = parse_number<long>(fraction).value_or(0);
    return time;
}

timespec now() {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return time;
}

std::int64_t monotonic_us() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000;
}

}  // namespace urc
