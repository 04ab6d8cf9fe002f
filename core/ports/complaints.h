// Complaints: a warning about the same thing once in a while, with how often it has been held back. What
// strangers can cause (a connection that is refused) must not fill the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "core/log.h"
#include "uring/loop.h"

namespace urc::ports {

class Complaints {
public:
    static constexpr std::chrono::seconds kInterval{10};

    Complaints(Loop& loop, const Log* log) noexcept : loop_(loop), log_(log) {}

    void say(std::string_view about, std::string_view text) {
        if (!log_) return;
        const auto time = loop_.now();
        if (has_said_ && time < said_ + kInterval) {
            ++held_back_;
            return;
        }
        if (held_back_ > 0)
            log_->warning("publish: ", about, ": ", text, " (", held_back_, " more like this before)");
        else
            log_->warning("publish: ", about, ": ", text);
        has_said_ = true;
        said_ = time;
        held_back_ = 0;
    }

private:
    Loop& loop_;
    const Log* log_;
    std::chrono::nanoseconds said_{0};
    std::uint64_t held_back_ = 0;
    bool has_said_ = false;
};

}  // namespace urc::ports
