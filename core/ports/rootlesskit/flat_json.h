// One flat JSON object, read the way the other side reads it: rootlesskit and its clients are Go programs,
// whose decoder takes a field whatever the case of its name, passes over what it does not know, lets the last
// of two win, takes null for "nothing said", and does not look at what follows the object.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "uring/result.h"

namespace urc::ports::rootlesskit {

struct FlatField {
    std::string_view name;
    std::variant<std::string*, std::int64_t*> into;
};

// Fields that are not there keep what they had. EBADMSG, as one sentence: the text is no JSON, no object, or
// a field is of another type.
Result<void> read_flat_object(std::string_view json, std::span<const FlatField> fields);

}  // namespace urc::ports::rootlesskit
