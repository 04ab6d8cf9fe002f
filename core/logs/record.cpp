#include "core/logs/record.h"

#include <simdjson.h>

#include <algorithm>

#include "core/number.h"

namespace urc::logs {
namespace {

std::optional<Stream> stream_of(std::string_view word) {
    if (word == "stdout") return Stream::out;
    if (word == "stderr") return Stream::err;
    return std::nullopt;
}

// The bytes before the next blank, which is taken as well.
std::optional<std::string_view> take_word(std::string_view& text) {
    const std::size_t end = text.find(' ');
    if (end == text.npos) return std::nullopt;
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end + 1);
    return word;
}

// TIME STREAM TAGS PAYLOAD. The first of the tags, which colons separate, is F or P; with an empty payload
// some writers leave the last blank out.
std::optional<Head> parse_k8s_head(std::string_view line) {
    std::string_view rest = line.substr(0, kHeadSizeMax);
    Head head;
    const auto time = take_word(rest);
    if (!time || !(head.record.time = parse_instant(*time))) return std::nullopt;
    const auto word = take_word(rest);
    const auto stream = word ? stream_of(*word) : std::nullopt;
    if (!stream) return std::nullopt;
    head.record.stream = *stream;
    std::string_view tags = rest.substr(0, rest.find(' '));
    // What is cut by the bound is no tag.
    if (tags.size() == rest.size() && line.size() >= kHeadSizeMax) return std::nullopt;
    head.size = line.substr(0, kHeadSizeMax).size() - rest.size() + std::min(tags.size() + 1, rest.size());
    tags = tags.substr(0, tags.find(':'));
    if (tags != "F" && tags != "P") return std::nullopt;
    head.record.is_partial = tags == "P";
    return head;
}

void append_utf8(std::string& out, std::uint32_t point) {
    auto add = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (point < 0x80) return add(point);
    if (point < 0x800) {
        add(0xc0 | point >> 6);
    } else if (point < 0x10000) {
        add(0xe0 | point >> 12);
        add(0x80 | (point >> 6 & 0x3f));
    } else {
        add(0xf0 | point >> 18);
        add(0x80 | (point >> 12 & 0x3f));
        add(0x80 | (point >> 6 & 0x3f));
    }
    add(0x80 | (point & 0x3f));
}

// The XXXX of \uXXXX at the front of `text`.
std::optional<std::uint32_t> take_unit(std::string_view& text) {
    if (text.size() < 4) return std::nullopt;
    auto unit = parse_number<std::uint32_t>(text.substr(0, 4), 0xffff, 16);
    if (unit) text.remove_prefix(4);
    return unit;
}

constexpr std::uint32_t kReplacement = 0xfffd;

// After "\u": one unit, or the two of a surrogate pair.
std::optional<std::uint32_t> take_point(std::string_view& text) {
    const auto high = take_unit(text);
    if (!high || *high < 0xd800 || *high > 0xdfff) return high;
    std::string_view rest = text;
    if (*high > 0xdbff || !rest.starts_with("\\u")) return kReplacement;
    rest.remove_prefix(2);
    const auto low = take_unit(rest);
    if (!low || *low < 0xdc00 || *low > 0xdfff) return kReplacement;
    text = rest;
    return 0x10000 + ((*high - 0xd800) << 10) + (*low - 0xdc00);
}

// Appends the JSON string that goes on in `text` to `out`, up to its quote or as far as it can be read; gives
// what follows it.
std::string_view unescape(std::string_view text, std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt", kBytes = "\"\\/\b\f\n\r\t";
    for (;;) {
        const std::size_t plain = std::min(text.find_first_of("\"\\"), text.size());
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.size() < 2 || text[0] == '"') return text.substr(std::min<std::size_t>(text.size(), 1));
        const char escape = text[1];
        text.remove_prefix(2);
        if (const std::size_t at = kNames.find(escape); at != kNames.npos) {
            out += kBytes[at];
            continue;
        }
        const auto point = escape == 'u' ? take_point(text) : std::nullopt;
        if (!point) return {};
        append_utf8(out, *point);
    }
}

}  // namespace

Head read_k8s_head(std::string_view line, bool is_ended) {
    if (auto head = parse_k8s_head(line)) return *head;
    Head damaged;
    damaged.record.is_damaged = true;
    damaged.record.is_blank = line.empty() || (!is_ended && line.size() < kHeadSizeMax);
    return damaged;
}

struct JsonRecords::Parser {
    simdjson::ondemand::parser json;
};

JsonRecords::JsonRecords() : parser_(std::make_unique<Parser>()) {}
JsonRecords::JsonRecords(JsonRecords&&) noexcept = default;
JsonRecords::~JsonRecords() = default;

Record JsonRecords::read(std::string_view line, bool is_ended) {
    Record record;
    text_.clear();
    if (line.size() < kJsonLineSizeMax && parse(line, record)) return record;
    return salvage(line, is_ended);
}

bool JsonRecords::parse(std::string_view line, Record& record) {
    padded_.reserve(line.size() + simdjson::SIMDJSON_PADDING);
    padded_ = line;
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    const simdjson::padded_string_view view(padded_.data(), padded_.size(), padded_.capacity());
    if (parser_->json.iterate(view).get(document) || document.get_object().get(object)) return false;
    bool has_log = false, has_stream = false;
    for (auto entry : object) {
        simdjson::ondemand::field field;
        std::string_view key, text;
        if (std::move(entry).get(field) || field.unescaped_key().get(key)) return false;
        if (key != "log" && key != "stream" && key != "time") continue;
        const char first = key[0];
        const bool is_log = first == 'l', is_time = first == 't';
        if (field.value().get_string().get(text)) return false;
        if (is_log) {
            has_log = true;
            text_ = text;
        } else if (is_time) {
            record.time = parse_instant(text);
        } else if (const auto stream = stream_of(text)) {
            has_stream = true;
            record.stream = *stream;
        }
    }
    // Something behind the object: another record that was glued to it.
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return false;
    record.is_partial = !text_.ends_with('\n');
    return has_log && has_stream && record.time.has_value();
}

Record JsonRecords::salvage(std::string_view line, bool is_ended) {
    constexpr std::string_view kBegin = R"({"log":")";
    Record record;
    record.is_damaged = true;
    text_.clear();
    if (line.starts_with(kBegin)) {
        const std::string_view rest = unescape(line.substr(kBegin.size()), text_);
        if (rest.find(R"("stream":"stderr")") != rest.npos) record.stream = Stream::err;
    } else if (is_ended || line.size() >= kJsonLineSizeMax) {
        text_ = line;
    }
    record.is_blank = text_.empty();
    if (!record.is_blank && !text_.ends_with('\n')) text_ += '\n';
    return record;
}

}  // namespace urc::logs
