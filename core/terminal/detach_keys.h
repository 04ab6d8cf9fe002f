// The keys that end `urc attach` and leave the container running, in docker's notation: "ctrl-p,ctrl-q",
// "a,ctrl-\". Nothing of what was typed is lost: keys that turn out not to be the whole sequence go on to the
// container.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "uring/result.h"

namespace urc::terminal {

inline constexpr std::string_view kDefaultDetachKeys = "ctrl-p,ctrl-q";

class DetachKeys {
public:
    // Keys separated by commas: one character, or "ctrl-" and one of a-z @ [ \ ] ^ _. Empty: no keys, nothing
    // is ever held back.
    static Result<DetachKeys> parse(std::string_view text);

    // What of `typed` is for the container, after what was held back before. True when the sequence is
    // complete: then what came behind it is dropped.
    bool filter(std::span<const std::byte> typed, std::string& for_container);

    // At the end of the input: what was held back.
    std::string_view held() const noexcept { return std::string_view(keys_).substr(0, matched_); }

private:
    std::string keys_;
    std::size_t matched_ = 0;
};

}  // namespace urc::terminal
