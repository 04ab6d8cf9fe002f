// A property of a unit, as D-Bus carries it: a name and a typed value (org.freedesktop.systemd1(5)).
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::systemd {

using Value = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;

// `signature` is one basic type ("b", "t", "s" ...), an array of one ("as", "ay", "au"), or an array of pairs
// ("a(st)"). `values` are the basic values in their order, one, or as many as the array has.
struct Property {
    std::string name;
    std::string signature;
    std::vector<Value> values;
    friend bool operator==(const Property&, const Property&) = default;
};
using Properties = std::vector<Property>;

// No literal is taken for a bool by its address.
template <std::same_as<bool> Bool>
Property property(std::string_view name, Bool value) {
    return {std::string(name), "b", {value}};
}
inline Property property(std::string_view name, std::uint64_t value) {
    return {std::string(name), "t", {value}};
}
inline Property property(std::string_view name, std::string_view value) {
    return {std::string(name), "s", {std::string(value)}};
}

// What the annotations "org.systemd.property.NAME" ask for. Their values are written as GVariant text: true,
// 'string', 5, uint64 5, ['a', 'b'], @as []. A NAME that ends in Sec and has a number is the same in
// microseconds below USec, as in unit files. EINVAL with the annotation's name for what cannot be read.
Result<Properties> annotated_properties(const spec::StringMap& annotations);

}  // namespace urc::systemd
