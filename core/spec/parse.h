// From JSON text to the structs of spec.h.
//
// Every document is read once, in its own order. Unknown keys are ignored (the specification asks for that),
// null means absent, of a key given twice the last one counts. Refused are: broken JSON, with line and
// column; a value of the wrong type or out of its range, with its path; a missing field without which the
// rest means nothing (the type of a namespace, say). Errors are one line and start with the document's name:
//
//   config.json: line 3, column 17: expected ',' or '}'
//   config.json: process.user.uid: expected an unsigned 32-bit number, got a string
//
// What is well formed and still impossible is refused by validate.h, which callers run next.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc {

// Longer documents are refused before they are looked at: a strange file must not cost gigabytes.
inline constexpr std::size_t kDocumentSizeMax = std::size_t{16} << 20;

// The parser reads some bytes past the end of its text. A std::string that was made with this much spare
// capacity is parsed where it is; any other text is copied first (0.5 us for a usual config.json).
inline constexpr std::size_t kParsePadding = 64;

Result<spec::Spec> parse_spec(std::string_view json);  // config.json
Result<spec::Spec> parse_spec(std::string json);
inline Result<spec::Spec> parse_spec(const char* json) {
    return parse_spec(std::string_view(json));
}

Result<spec::Process> parse_process(std::string_view json);      // process.json of `exec --process`
Result<spec::Resources> parse_resources(std::string_view json);  // resources.json of `update --resources`
Result<spec::Hooks> parse_hooks(std::string_view json);          // `hooks` alone, as state.json keeps it

}  // namespace urc
