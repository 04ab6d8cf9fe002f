// Where exactly a JSON text is broken.
//
// simdjson is fast because it does not look at what nobody asks for, and it names no position for half of its
// errors. This is the slow and strict second reader: it runs over the whole document only after something
// went wrong, and over the values of unknown keys, which nobody else would look into.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace urc::spec {

// Deeper documents are refused. The specification needs eight levels.
inline constexpr std::size_t kNestingMax = 128;

struct SyntaxError {
    std::size_t offset = 0;  // of the first byte that cannot be
    std::string problem;     // "expected ':' after a key"
};

// The first error of `text` (RFC 8259, one value, nothing after it), or nullopt.
std::optional<SyntaxError> find_syntax_error(std::string_view text);

// "line 3, column 17" for an offset; both count from 1, columns are bytes.
std::string describe_position(std::string_view text, std::size_t offset);

}  // namespace urc::spec
