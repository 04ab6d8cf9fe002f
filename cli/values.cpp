#include "cli/values.h"

#include <limits>

namespace urc::cli {
namespace {

constexpr std::string_view kDigits = "0123456789";

// A number with an optional fraction, as a whole part and billionths.
struct Decimal {
    std::uint64_t whole = 0;
    std::uint64_t billionths = 0;
};

// Takes it from the front of `text`. At least one digit; digits after the ninth of the fraction do not count.
std::optional<Decimal> take_decimal(std::string_view& text) {
    const std::string_view whole = text.substr(0, text.find_first_not_of(kDigits));
    text.remove_prefix(whole.size());
    std::string_view fraction;
    if (text.starts_with('.')) {
        fraction = text.substr(1, text.substr(1).find_first_not_of(kDigits));
        text.remove_prefix(1 + fraction.size());
    }
    if (whole.empty() && fraction.empty()) return std::nullopt;
    Decimal decimal;
    if (!whole.empty()) {
        auto number = parse_number<std::uint64_t>(whole);
        if (!number) return std::nullopt;
        decimal.whole = *number;
    }
    std::string billionths(fraction.substr(0, 9));
    billionths.resize(9, '0');
    decimal.billionths = parse_number<std::uint64_t>(billionths).value_or(0);
    return decimal;
}

// decimal * unit, in whole units of one; nullopt above 2^63-1.
std::optional<std::int64_t> scale(const Decimal& decimal, std::uint64_t unit) {
    __extension__ using Wide = unsigned __int128;
    const Wide value = Wide{decimal.whole} * unit + Wide{decimal.billionths} * unit / 1'000'000'000;
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    return static_cast<std::int64_t>(value);
}

// The factor of "", "b", "k", "kb", "kib", ...; 0 for others.
std::uint64_t size_unit(std::string_view suffix) {
    std::string lower;
    for (char c : suffix) lower += (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
    if (lower.empty() || lower == "b") return 1;
    const std::size_t power = std::string_view("kmgtp").find(lower[0]);
    const std::string_view rest = std::string_view(lower).substr(1);
    if (power == std::string_view::npos || !(rest.empty() || rest == "b" || rest == "ib")) return 0;
    return std::uint64_t{1} << (10 * (power + 1));
}

struct TimeUnit {
    std::string_view name;
    std::uint64_t ns;
};
constexpr TimeUnit kTimeUnits[] = {
    {"ns", 1},         {"us", 1'000},        {"\xc2\xb5s", 1'000},  {"\xce\xbcs", 1'000},
    {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};

}  // namespace

std::optional<std::int64_t> parse_size(std::string_view text) {
    auto decimal = take_decimal(text);
    if (!decimal) return std::nullopt;
    if (text.size() > 1 && text.starts_with(' ')) text.remove_prefix(1);
    const std::uint64_t unit = size_unit(text);
    return unit == 0 ? std::nullopt : scale(*decimal, unit);
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    const bool is_negative = text.starts_with('-');
    if (is_negative || text.starts_with('+')) text.remove_prefix(1);
    if (text == "0") return std::chrono::nanoseconds(0);
    if (text.empty()) return std::nullopt;
    std::int64_t sum = 0;
    while (!text.empty()) {
        auto decimal = take_decimal(text);
        if (!decimal) return std::nullopt;
        const std::string_view name = text.substr(0, text.find_first_of("0123456789."));
        std::optional<std::int64_t> part;
        for (const TimeUnit& unit : kTimeUnits)
            if (unit.name == name) part = scale(*decimal, unit.ns);
        if (!part || *part > std::numeric_limits<std::int64_t>::max() - sum) return std::nullopt;
        sum += *part;
        text.remove_prefix(name.size());
    }
    return std::chrono::nanoseconds(is_negative ? -sum : sum);
}

std::optional<logs::Instant> parse_point_in_time(std::string_view text, const timespec& now) {
    using std::chrono::nanoseconds, std::chrono::seconds;
    if (auto instant = logs::parse_instant(text)) return instant;
    if (auto duration = parse_duration(text); duration && text != "0")
        return logs::Instant(seconds(now.tv_sec) + nanoseconds(now.tv_nsec)) - *duration;
    std::string_view rest = text;
    const auto since_epoch = take_decimal(rest);
    if (!since_epoch || !rest.empty()) return std::nullopt;
    const auto scaled = scale(*since_epoch, 1'000'000'000);
    return scaled ? std::optional(logs::Instant(nanoseconds(*scaled))) : std::nullopt;
}

Error wrong_value(std::string_view option, std::string_view value, std::string_view expected) {
    std::string text = "invalid value for ";
    text += option;
    text += ": \"";
    text += value;
    text += "\": expected ";
    text += expected;
    return Error::message(text);
}

Result<void> take_size(std::string_view option, const std::optional<std::string>& given,
                       std::optional<std::int64_t>& target) {
    if (!given) return {};
    target = *given == "-1" ? std::optional<std::int64_t>(-1) : parse_size(*given);
    if (!target) return wrong_value(option, *given, "a size such as 50M, or -1");
    return {};
}

}  // namespace urc::cli
