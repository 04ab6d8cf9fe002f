#include "core/ports/rootlesskit/flat_json.h"

#include <simdjson.h>

#include <algorithm>

namespace urc::ports::rootlesskit {

namespace {

Error not_json() {
    return Error::message("what came is no JSON", EBADMSG);
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_same_name(std::string_view one, std::string_view other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

Result<void> read_field(const FlatField& field, simdjson::ondemand::value value) {
    bool is_null = false;
    if (value.is_null().get(is_null)) return not_json();
    if (is_null) return {};
    if (auto* text = std::get_if<std::string*>(&field.into)) {
        std::string_view view;
        if (value.get_string().get(view))
            return Error::message(std::string(field.name) + " is no string", EBADMSG);
        (*text)->assign(view);
        return {};
    }
    std::int64_t number = 0;
    if (value.get_int64().get(number))
        return Error::message(std::string(field.name) + " is no whole number", EBADMSG);
    *std::get<std::int64_t*>(field.into) = number;
    return {};
}

// Up to the bracket that closes the first one. simdjson wants nothing behind it; whether it is JSON is
// simdjson's to say.
std::string_view without_rest(std::string_view json) {
    int depth = 0;
    bool is_in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (is_in_string) {
            if (c == '\\') ++i;
            is_in_string = c != '"';
        } else if (c == '"') {
            is_in_string = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if ((c == '}' || c == ']') && --depth <= 0) {
            return json.substr(0, i + 1);
        }
    }
    return json;
}

}  // namespace

Result<void> read_flat_object(std::string_view json, std::span<const FlatField> fields) {
    const simdjson::padded_string padded(without_rest(json));
    simdjson::ondemand::parser parser;
    simdjson::ondemand::document document;
    if (parser.iterate(padded).get(document)) return not_json();
    simdjson::ondemand::json_type type{};
    if (document.type().get(type)) return not_json();
    if (type == simdjson::ondemand::json_type::null) {
        bool is_null = false;
        if (document.is_null().get(is_null) || !is_null) return not_json();
        return {};
    }
    simdjson::ondemand::object members;
    if (type != simdjson::ondemand::json_type::object)
        return Error::message("what came is no JSON object", EBADMSG);
    if (document.get_object().get(members)) return not_json();
    for (auto item : members) {
        simdjson::ondemand::field member;
        std::string_view key;
        if (std::move(item).get(member) || member.unescaped_key().get(key)) return not_json();
        const auto found = std::find_if(fields.begin(), fields.end(), [key](const FlatField& field) {
            return is_same_name(field.name, key);
        });
        if (found != fields.end()) URC_TRY_VOID(read_field(*found, member.value()));
    }
    return {};
}

}  // namespace urc::ports::rootlesskit
