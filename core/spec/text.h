// Words of the document inside error messages: one line, no control characters, of bounded length, whatever
// the document says.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace urc::spec {

// `text` in double quotes, at most 64 bytes of it, other than printable ASCII as \xNN.
std::string in_quotes(std::string_view text);

std::string concat(std::initializer_list<std::string_view> parts);

// "mounts[3]", for paths.
std::string indexed(std::string_view name, std::size_t index);

}  // namespace urc::spec
