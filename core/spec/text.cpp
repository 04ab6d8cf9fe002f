#include "core/spec/text.h"

namespace urc::spec {

std::string in_quotes(std::string_view text) {
    constexpr std::size_t kShown = 64;
    constexpr char kHex[] = "0123456789abcdef";
    std::string out = "\"";
    for (char c : text.substr(0, kShown)) {
        auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else {
            out += "\\x";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
    }
    out += text.size() > kShown ? "...\"" : "\"";
    return out;
}

std::string concat(std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (std::string_view part : parts) size += part.size();
    std::string out;
    out.reserve(size);
    for (std::string_view part : parts) out += part;
    return out;
}

std::string indexed(std::string_view name, std::size_t index) {
    return concat({name, "[", std::to_string(index), "]"});
}

}  // namespace urc::spec
