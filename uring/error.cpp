#include "uring/error.h"

#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "uring/check.h"

namespace urc {

void check_failed(const char* file, int line, const char* text) noexcept {
    char buffer[512];
    int length = std::snprintf(buffer, sizeof buffer, "%s:%d: check failed: %s\n", file, line, text);
    if (length > static_cast<int>(sizeof buffer)) length = sizeof buffer;
    if (length > 0) {
        [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, buffer, static_cast<std::size_t>(length));
    }
    std::abort();
}

std::string errno_text(int code) {
    const char* description = strerrordesc_np(code);
    return description ? description : "errno " + std::to_string(code);
}

Error::Error(int code, std::string_view step, std::string_view object) : code_(code), what_(step) {
    if (!object.empty()) what_.append(": ").append(object);
}

Error Error::message(std::string_view text, int code) {
    Error error;
    error.code_ = code;
    error.has_errno_text_ = false;
    error.what_ = text;
    return error;
}

Error Error::context(std::string_view frame) && {
    what_.insert(0, ": ").insert(0, frame);
    return std::move(*this);
}

std::string Error::text() const {
    return has_errno_text_ ? what_ + ": " + errno_text(code_) : what_;
}

}  // namespace urc
