// What tests of properties share: values of one type, and a property as text where one fails.
#pragma once

#include <cstdint>
#include <ostream>

#include "core/systemd/property.h"

namespace urc::systemd {

namespace test {
// A plain 9 would be an int, which Value takes for something else.
inline Value number(std::uint64_t value) {
    return value;
}
}  // namespace test

inline void PrintTo(const Property& property, std::ostream* out) {
    *out << property.name << ' ' << property.signature;
    for (const Value& value : property.values)
        std::visit([out](const auto& one) { *out << ' ' << one; }, value);
}

}  // namespace urc::systemd
