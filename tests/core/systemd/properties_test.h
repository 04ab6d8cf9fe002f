// Reading failures: a property as text.
#pragma once

#include <ostream>

#include "core/systemd/property.h"

namespace urc::systemd {

inline void PrintTo(const Property& property, std::ostream* out) {
    *out << property.name << ' ' << property.signature;
    for (const Value& value : property.values)
        std::visit([out](const auto& one) { *out << ' ' << one; }, value);
}

}  // namespace urc::systemd
