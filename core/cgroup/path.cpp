#include "core/cgroup/path.h"

#include <algorithm>

namespace urc::cgroup {

std::string clean_path(std::string_view path) {
    std::string clean;
    clean.reserve(path.size() + 1);
    while (!path.empty()) {
        std::string_view name = path.substr(0, path.find('/'));
        path.remove_prefix(std::min(path.size(), name.size() + 1));
        if (name.empty() || name == ".") continue;
        if (name == "..") {
            clean.resize(clean.empty() ? 0 : clean.rfind('/'));
            continue;
        }
        clean += '/';
        clean += name;
    }
    return clean.empty() ? "/" : clean;
}

std::string_view parent_path(std::string_view path) {
    std::size_t slash = path.rfind('/');
    return slash == 0 || slash == std::string_view::npos ? "/" : path.substr(0, slash);
}

std::string unescape_octal(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
    auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
            is_octal(text[i + 3])) {
            plain +=
                static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

}  // namespace urc::cgroup
