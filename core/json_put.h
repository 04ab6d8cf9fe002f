// Members of an object that are left out where there is nothing to say: unset, zero, empty.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>

#include "core/json_writer.h"

namespace urc {

inline void put_set(JsonWriter& json, const char* key, std::uint64_t value) {
    if (value != 0) json.key(key).number(value);
}
inline void put_set(JsonWriter& json, const char* key, const std::string& value) {
    if (!value.empty()) json.key(key).string(value);
}
// Zero and false, too, are something when they are given.
template <std::integral T>
void put_set(JsonWriter& json, const char* key, const std::optional<T>& value) {
    if (!value) return;
    if constexpr (std::same_as<T, bool>)
        json.key(key).boolean(*value);
    else
        json.key(key).number(*value);
}

}  // namespace urc
