#include "core/logs/instant.h"

#include "core/number.h"
#include "core/timestamp.h"

namespace urc::logs {
namespace {

using namespace std::chrono;

// Takes exactly `length` digits, at most `max` in value, from the front.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t length, unsigned max) {
    if (text.size() < length) return std::nullopt;
    auto number = parse_number<unsigned>(text.substr(0, length), max);
    if (number) text.remove_prefix(length);
    return number;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text[0]) == any_of.npos) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<sys_days> take_date(std::string_view& text) {
    const auto years = take_digits(text, 4, 9999);
    if (!years || !take(text, "-")) return std::nullopt;
    const auto months = take_digits(text, 2, 12);
    if (!months || !take(text, "-")) return std::nullopt;
    const auto days_of_month = take_digits(text, 2, 31);
    if (!days_of_month) return std::nullopt;
    const year_month_day date{year(static_cast<int>(*years)), month(*months), day(*days_of_month)};
    // One year less at both ends than nanoseconds can count.
    if (!date.ok() || *years < 1678 || *years > 2261) return std::nullopt;
    return sys_days{date};
}

std::optional<seconds> take_clock(std::string_view& text) {
    const auto of_day = take_digits(text, 2, 23);
    if (!of_day || !take(text, ":")) return std::nullopt;
    const auto of_hour = take_digits(text, 2, 59);
    if (!of_hour) return std::nullopt;
    unsigned of_minute = 0;
    if (take(text, ":")) {
        const auto given = take_digits(text, 2, 59);
        if (!given) return std::nullopt;
        of_minute = *given;
    }
    return hours(*of_day) + minutes(*of_hour) + seconds(of_minute);
}

// Digits after the ninth do not count.
std::optional<nanoseconds> take_fraction(std::string_view& text) {
    if (!take(text, ".,")) return nanoseconds(0);
    std::string digits(text.substr(0, text.find_first_not_of("0123456789")));
    if (digits.empty()) return std::nullopt;
    text.remove_prefix(digits.size());
    digits.resize(9, '0');
    return nanoseconds(parse_number<std::int64_t>(digits).value_or(0));
}

std::optional<minutes> take_offset(std::string_view& text) {
    if (text.empty() || take(text, "Zz")) return minutes(0);
    const bool is_west = text[0] == '-';
    if (!take(text, "+-")) return std::nullopt;
    const auto whole = take_digits(text, 2, 23);
    if (!whole) return std::nullopt;
    (void)take(text, ":");
    const auto rest = take_digits(text, 2, 59);
    if (!rest) return std::nullopt;
    const minutes offset = hours(*whole) + minutes(*rest);
    return is_west ? -offset : offset;
}

}  // namespace

std::optional<Instant> parse_instant(std::string_view text) {
    const auto date = take_date(text);
    if (!date) return std::nullopt;
    if (text.empty()) return Instant(*date);
    if (!take(text, "Tt ")) return std::nullopt;
    const auto clock = take_clock(text);
    if (!clock) return std::nullopt;
    const auto fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;
    return Instant(*date) + *clock + *fraction - *offset;
}

std::string instant_text(Instant instant) {
    const auto whole = floor<seconds>(instant);
    timespec time{};
    time.tv_sec = whole.time_since_epoch().count();
    time.tv_nsec = (instant - whole).count();
    return rfc3339(time, 9);
}

}  // namespace urc::logs
