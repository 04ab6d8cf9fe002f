// org.systemd.property.NAME annotations: a reader for the part of GVariant's text format that properties of
// units need, that is basic values and arrays of them. A number without a type is an int32, or a double with
// a point or an exponent in it.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "core/number.h"
#include "core/systemd/property.h"

namespace urc::systemd {

namespace {

constexpr std::string_view kPrefix = "org.systemd.property.";
constexpr std::string_view kBasicTypes = "bynqiuxtdsog";

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_property_name(std::string_view name) {
    return name.size() >= 3 && std::all_of(name.begin(), name.end(), is_letter);
}

struct TypeWord {
    std::string_view word;
    char type;
};
constexpr TypeWord kTypeWords[] = {
    {"boolean", 'b'}, {"byte", 'y'},   {"int16", 'n'},      {"uint16", 'q'},
    {"int32", 'i'},   {"uint32", 'u'}, {"int64", 'x'},      {"uint64", 't'},
    {"double", 'd'},  {"string", 's'}, {"objectpath", 'o'}, {"signature", 'g'},
};

// The range of an integer type.
struct Range {
    std::int64_t low;
    std::uint64_t high;
};
std::optional<Range> range_of(char type) {
    switch (type) {
        case 'y':
            return Range{0, 255};
        case 'n':
            return Range{-32768, 32767};
        case 'q':
            return Range{0, 65535};
        case 'i':
            return Range{std::numeric_limits<std::int32_t>::min(), 0x7fffffff};
        case 'u':
            return Range{0, 0xffffffff};
        case 'x':
            return Range{std::numeric_limits<std::int64_t>::min(), 0x7fffffffffffffff};
        case 't':
            return Range{0, ~std::uint64_t{0}};
        default:
            return std::nullopt;
    }
}

class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    // The whole text as one property value; nullopt when it is none.
    std::optional<Property> read() {
        Property property;
        char type = 0;
        skip_blanks();
        if (take('@')) {
            std::size_t end = std::min(rest_.find_first_of(" \t["), rest_.size());
            property.signature = rest_.substr(0, end);
            rest_.remove_prefix(end);
            bool is_array = property.signature.size() == 2 && property.signature[0] == 'a';
            if (!is_array && property.signature.size() != 1) return std::nullopt;
            type = property.signature.back();
            if (kBasicTypes.find(type) == std::string_view::npos) return std::nullopt;
            skip_blanks();
            if (is_array != rest_.starts_with('[')) return std::nullopt;
        }
        bool is_list = take('[');
        bool is_read = is_list ? read_list(property, type) : read_value(property, type);
        skip_blanks();
        if (!is_read || !rest_.empty() || type == 0) return std::nullopt;
        property.signature = (is_list ? "a" : "") + std::string(1, type);
        return property;
    }

private:
    void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n"), rest_.size())); }
    bool take(char c) {
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    // All elements have the type of the first.
    bool read_list(Property& property, char& type) {
        skip_blanks();
        if (take(']')) return true;
        for (;;) {
            if (!read_value(property, type)) return false;
            skip_blanks();
            if (take(']')) return true;
            if (!take(',')) return false;
        }
    }

    // `type` 0: whatever the text says.
    bool read_value(Property& property, char& type) {
        skip_blanks();
        if (rest_.starts_with('\'') || rest_.starts_with('"')) {
            if (type == 0) type = 's';
            return (type == 's' || type == 'o' || type == 'g') && read_string(property);
        }
        std::size_t end = std::min(rest_.find_first_of(" \t\n,[]"), rest_.size());
        std::string_view word = rest_.substr(0, end);
        rest_.remove_prefix(end);
        if (word == "true" || word == "false") {
            if (type == 0) type = 'b';
            property.values.emplace_back(word == "true");
            return type == 'b';
        }
        for (const TypeWord& known : kTypeWords) {
            if (word != known.word) continue;
            if (type != 0 && type != known.type) return false;
            type = known.type;
            return read_value(property, type);
        }
        return read_number(property, type, std::string(word));
    }

    static bool read_number(Property& property, char& type, const std::string& word) {
        bool is_real = word.find_first_of(".eE") != std::string::npos && !word.starts_with("0x");
        if (type == 0) type = is_real ? 'd' : 'i';
        if (type == 'd') {
            char* end = nullptr;
            double value = std::strtod(word.c_str(), &end);
            property.values.emplace_back(value);
            return !word.empty() && *end == '\0' && std::isfinite(value);
        }
        auto range = range_of(type);
        if (!range || is_real) return false;
        bool is_negative = word.starts_with('-');
        bool is_hex = word.starts_with("0x");
        std::string_view digits = std::string_view(word).substr(is_negative ? 1 : is_hex ? 2 : 0);
        auto size = parse_number<std::uint64_t>(digits, ~std::uint64_t{0}, is_hex ? 16 : 10);
        if (!size) return false;
        if (!is_negative) {
            property.values.emplace_back(*size);
            return *size <= range->high;
        }
        if (*size > std::uint64_t{1} << 63) return false;
        auto value = static_cast<std::int64_t>(0 - *size);
        property.values.emplace_back(value);
        return value >= range->low && value <= 0;
    }

    bool read_string(Property& property) {
        const char quote = rest_[0];
        rest_.remove_prefix(1);
        std::string text;
        while (!rest_.empty() && rest_[0] != quote) {
            char c = rest_[0];
            rest_.remove_prefix(1);
            if (c == '\\') {
                if (rest_.empty()) return false;
                c = rest_[0];
                rest_.remove_prefix(1);
                if (c == 'n')
                    c = '\n';
                else if (c == 't')
                    c = '\t';
                else if (c != '\\' && c != '\'' && c != '"')
                    return false;
            }
            text += c;
        }
        property.values.emplace_back(std::move(text));
        return take(quote);
    }

    std::string_view rest_;
};

// TimeoutStopSec=5 is TimeoutStopUSec=5000000 on the bus. False for what is no time.
bool seconds_to_microseconds(Property& property) {
    if (property.signature.size() != 1) return false;
    double seconds;
    if (auto* whole = std::get_if<std::uint64_t>(&property.values[0]))
        seconds = static_cast<double>(*whole);
    else if (auto* real = std::get_if<double>(&property.values[0]))
        seconds = *real;
    else
        return false;
    if (seconds < 0 || seconds > 1e12) return false;
    property.name.replace(property.name.size() - 3, 3, "USec");
    property.signature = "t";
    property.values[0] = static_cast<std::uint64_t>(std::llround(seconds * 1e6));
    return true;
}

}  // namespace

Result<Properties> annotated_properties(const spec::StringMap& annotations) {
    Properties properties;
    for (const auto& [key, text] : annotations) {
        if (!key.starts_with(kPrefix)) continue;
        std::string name = key.substr(kPrefix.size());
        if (!is_property_name(name))
            return Error::message("annotation " + key + ": not the name of a property");
        auto property = Reader(text).read();
        if (!property) return Error::message("annotation " + key + ": not a value of a property: " + text);
        property->name = std::move(name);
        if (property->name.ends_with("Sec") && !property->name.ends_with("USec") &&
            !seconds_to_microseconds(*property))
            return Error::message("annotation " + key + ": not a number of seconds: " + text);
        properties.push_back(std::move(*property));
    }
    return properties;
}

}  // namespace urc::systemd
