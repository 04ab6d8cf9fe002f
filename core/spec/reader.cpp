#include "core/spec/reader.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/spec/json_syntax.h"

namespace urc::spec {
namespace {

std::string_view without_blanks(std::string_view text) {
    std::size_t end = text.find_last_not_of(" \t\r\n");
    return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

char first_char(Value& value) {
    std::string_view token = value.raw_json_token();
    return token.empty() ? '\0' : token.front();
}

// Unknown keys may hold anything that is JSON, null and other literals included.
bool skip_unknown(Reader& reader, Value& value) {
    std::string_view text;
    if (!read_raw(reader, value, text)) return false;
    if (find_syntax_error(text)) return reader.broken();
    // A string left where it is would be taken for a key if a colon follows: {"unknown": "uid": 1}.
    simdjson::ondemand::raw_json_string consumed;
    if (text.front() == '"' && value.get_raw_json_string().get(consumed)) return reader.broken();
    return true;
}

}  // namespace

bool Reader::fail(std::string_view problem) {
    problem_ = problem;
    return false;
}

bool Reader::broken() {
    problem_.clear();
    return false;
}

bool Reader::wrong_type(Value& value, std::string_view expected) {
    std::string_view token = value.raw_json_token();
    if (token.empty()) return broken();
    std::string got;
    switch (token.front()) {
        case '{':
            got = "an object";
            break;
        case '[':
            got = "an array";
            break;
        case '"':
            got = "a string";
            break;
        case 't':
        case 'f':
            got = "a boolean";
            break;
        case 'n':
            got = "null";
            break;
        default:
            got = without_blanks(token).substr(0, 40);
    }
    return fail(concat({"expected ", expected, ", got ", got}));
}

bool Reader::failed_in(std::string_view key) {
    bool is_name = !key.empty() && key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    std::string name = is_name ? std::string(key) : concat({"[", in_quotes(key), "]"});
    if (!path_.empty() && path_.front() != '[') name += '.';
    path_.insert(0, name);
    return false;
}

bool Reader::failed_at(std::size_t index) {
    std::string name = indexed({}, index);
    if (!path_.empty() && path_.front() != '[') name += '.';
    path_.insert(0, name);
    return false;
}

bool read_key(simdjson::ondemand::field& member, std::string_view& out) {
    const char* start = member.key().raw();
    const char* end = start;
    while (*end != '"' && *end != '\\') ++end;  // stage 1 of simdjson has seen the closing quote
    if (*end == '\\') return !member.unescaped_key().get(out);
    out = {start, static_cast<std::size_t>(end - start)};  // all that anyone writes: not copied
    return true;
}

bool read_null(Value& value, bool& is_broken) {
    if (first_char(value) != 'n') return false;
    bool is_null = false;
    is_broken = value.is_null().get(is_null) || !is_null;
    return !is_broken;
}

bool read_fields(Reader& reader, Value& value, void* object, std::span<const Field> fields) {
    simdjson::ondemand::object members;
    if (value.get_object().get(members)) return reader.wrong_type(value, "an object");
    std::uint32_t seen = 0;
    std::size_t next = 0;  // documents mostly come in the specification's order, and so are the tables
    for (auto item : members) {
        simdjson::ondemand::field member;
        std::string_view key;
        if (std::move(item).get(member) || !read_key(member, key)) return reader.broken();
        Value& inner = member.value();
        std::size_t tried = 0;
        while (tried < fields.size() && fields[next].name != key) {
            next = next + 1 < fields.size() ? next + 1 : 0;
            ++tried;
        }
        if (tried == fields.size()) {
            if (!skip_unknown(reader, inner)) return reader.failed_in(key);
            continue;
        }
        bool is_broken = false;
        if (read_null(inner, is_broken)) continue;
        if (is_broken) return reader.broken();
        if (!fields[next].read(reader, inner, object)) return reader.failed_in(key);
        seen |= std::uint32_t{1} << next;
        next = next + 1 < fields.size() ? next + 1 : 0;
    }
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (fields[i].is_required && !(seen >> i & 1))
            return reader.fail(concat({fields[i].name, " is missing"}));
    return true;
}

bool read_text(Reader& reader, Value& value, std::string_view& out) {
    std::string_view token = value.raw_json_token();
    if (token.empty() || token.front() != '"') return reader.wrong_type(value, "a string");
    token = without_blanks(token);
    if (token.size() >= 2 && token.back() == '"' && !std::memchr(token.data(), '\\', token.size())) {
        // Stage 1 has checked UTF-8 and control characters, so the text between the quotes is the string.
        simdjson::ondemand::raw_json_string consumed;
        if (value.get_raw_json_string().get(consumed)) return reader.broken();
        out = token.substr(1, token.size() - 2);
        return true;
    }
    if (value.get_string().get(out)) return reader.broken();
    // Only an escape can make one. All strings end up in system calls, where it would cut them short.
    if (out.find('\0') != std::string_view::npos) return reader.fail("contains a NUL character");
    return true;
}

bool read_raw(Reader& reader, Value& value, std::string_view& out) {
    simdjson::ondemand::object object;
    simdjson::ondemand::array array;
    switch (first_char(value)) {
        case '{':
            if (value.get_object().get(object) || object.raw_json().get(out)) return reader.broken();
            break;
        case '[':
            if (value.get_array().get(array) || array.raw_json().get(out)) return reader.broken();
            break;
        default:
            out = value.raw_json_token();
    }
    out = without_blanks(out);
    return true;
}

bool read(Reader& reader, Value& value, bool& out) {
    return !value.get_bool().get(out) || reader.wrong_type(value, "a boolean");
}

bool read(Reader& reader, Value& value, std::string& out) {
    std::string_view text;
    if (!read_text(reader, value, text)) return false;
    out = text;
    return true;
}

bool read_unsigned(Reader& reader, Value& value, std::uint64_t max, int bits, std::uint64_t& out) {
    if (!value.get_uint64().get(out) && out <= max) return true;
    return reader.wrong_type(value, concat({"an unsigned ", std::to_string(bits), "-bit number"}));
}

bool read_signed(Reader& reader, Value& value, std::int64_t min, std::int64_t max, int bits,
                 std::int64_t& out) {
    if (!value.get_int64().get(out) && out >= min && out <= max) return true;
    return reader.wrong_type(value, concat({"a signed ", std::to_string(bits), "-bit number"}));
}

// A map with any keys. Keys are made unique by sorting, as a hostile document may have a million of them.
bool read(Reader& reader, Value& value, StringMap& out) {
    out.clear();
    bool good = read_members(reader, value, [&](std::string_view key, Value& inner) {
        if (key.find('\0') != std::string_view::npos) return reader.fail("contains a NUL character");
        return read(reader, inner, out.emplace_back(std::string(key), std::string()).second);
    });
    if (!good || out.size() < 2) return good;
    std::vector<std::size_t> order(out.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return out[a].first < out[b].first; });
    std::vector<bool> is_stale(out.size());
    for (std::size_t i = 0; i + 1 < order.size(); ++i)
        is_stale[order[i]] = out[order[i]].first == out[order[i + 1]].first;
    std::size_t index = 0;
    std::erase_if(out, [&](const auto&) { return is_stale[index++]; });
    return true;
}

}  // namespace urc::spec
