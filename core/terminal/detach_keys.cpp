#include "core/terminal/detach_keys.h"

#include <optional>

namespace urc::terminal {

namespace {

// 1 to 26 are ctrl-a to ctrl-z; the others stand around them in ASCII, 64 below their characters.
std::optional<char> parse_key(std::string_view word) {
    constexpr std::string_view kControl = "ctrl-";
    if (word.size() == 1) return word[0];
    if (word.size() != kControl.size() + 1 || !word.starts_with(kControl)) return std::nullopt;
    const char key = word.back();
    if (key >= 'a' && key <= 'z') return static_cast<char>(key - 'a' + 1);
    if (std::string_view("@[\\]^_").find(key) == std::string_view::npos) return std::nullopt;
    return static_cast<char>(key - '@');
}

}  // namespace

Result<DetachKeys> DetachKeys::parse(std::string_view text) {
    DetachKeys made;
    while (!text.empty()) {
        // A comma that comes first is a key itself.
        const std::size_t comma = text.find(',', 1);
        const std::string_view word = text.substr(0, comma);
        const std::optional<char> key = parse_key(word);
        if (!key || comma + 1 == text.size())
            return Error::message("--detach-keys: unknown key \"" + std::string(key ? "" : word) + "\"");
        made.keys_ += *key;
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    }
    return made;
}

bool DetachKeys::filter(std::span<const std::byte> typed, std::string& for_container) {
    for (const std::byte byte : typed) {
        const char key = static_cast<char>(byte);
        if (keys_.empty()) {
            for_container += key;
            continue;
        }
        // The longest end of what is held and this key that the sequence begins with stays held: of p,p,q the
        // p of `p p p q` that comes first goes on, the other two are kept.
        std::string tail = std::string(held()) + key;
        std::size_t kept = tail.size();
        while (!keys_.starts_with(std::string_view(tail).substr(tail.size() - kept))) --kept;
        for_container.append(tail, 0, tail.size() - kept);
        matched_ = kept;
        if (matched_ == keys_.size()) return true;
    }
    return false;
}

}  // namespace urc::terminal
