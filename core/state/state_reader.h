// Reading state.json with simdjson: what the files state_json*.cpp share. A value of another type than urc
// writes is damage, and the Error names the key.
#pragma once

// tidy-ok heavy-header-in-a-header: private to the files that read state.json
#include <simdjson.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/state/state.h"
#include "uring/result.h"

namespace urc {
class JsonWriter;
}

namespace urc::state_json {

namespace od = simdjson::ondemand;

inline Error bad(std::string_view key) {
    return Error::message("is damaged: " + std::string(key), EPROTO);
}

inline Result<std::string> text_of(od::value value, std::string_view key) {
    std::string_view text;
    if (value.get_string().get(text)) return bad(key);
    return std::string(text);
}

template <typename T>
Result<T> number_of(od::value value, std::string_view key) {
    if constexpr (std::is_unsigned_v<T>) {
        std::uint64_t number = 0;
        if (value.get_uint64().get(number) || number > std::numeric_limits<T>::max()) return bad(key);
        return static_cast<T>(number);
    } else {
        std::int64_t number = 0;
        if (value.get_int64().get(number) || number > std::numeric_limits<T>::max() ||
            number < std::numeric_limits<T>::min())
            return bad(key);
        return static_cast<T>(number);
    }
}

// Calls `member(name, value)` for each member of an object; it returns a Result<void>.
template <typename Member>
Result<void> each_member(od::object object, std::string_view key, Member member) {
    for (auto entry : object) {
        od::field field;
        std::string_view name;
        if (std::move(entry).get(field) || field.unescaped_key().get(name)) return bad(key);
        URC_TRY_VOID(member(name, field.value()));
    }
    return {};
}

template <typename Member>
Result<void> each_member(od::value value, std::string_view key, Member member) {
    od::object object;
    if (value.get_object().get(object)) return bad(key);
    return each_member(object, key, member);
}

template <typename Element>
Result<void> each_element(od::value value, std::string_view key, Element element) {
    od::array array;
    if (value.get_array().get(array)) return bad(key);
    for (auto entry : array) {
        od::value item;
        if (std::move(entry).get(item)) return bad(key);
        URC_TRY_VOID(element(item));
    }
    return {};
}

// The members "log", "ports" and "monitor" of "urc": where the output goes, what is published, and who sees
// to both.
void write_monitor(JsonWriter& json, const State& state);
Result<void> read_log(od::value value, State& state);
Result<void> read_ports(od::value value, State& state);
Result<void> read_monitor(od::value value, State& state);

}  // namespace urc::state_json
