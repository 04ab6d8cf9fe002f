// Error: what was tried, on what, and the errno that came back. Expected failures travel as values of this
// type.
//
// The user reads one line, `urc: <verb> <id>: <step>: <object>: <errno text>`. The place that calls the
// kernel knows the step and the object; one caller may add one frame of context in front; cli adds the verb
// and the id.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

namespace urc {

class [[nodiscard]] Error {
public:
    // `code` is an errno (positive). `step` says what was tried ("mount", "open"), `object` on what
    // ("/proc").
    Error(int code, std::string_view step, std::string_view object = {});

    // A failure that no errno describes: `text` is shown as it is. `code` is what callers may switch on.
    static Error message(std::string_view text, int code = EINVAL);

    // The same for errno itself, right after a system call failed.
    static Error last(std::string_view step, std::string_view object = {}) { return {errno, step, object}; }

    // Puts `frame: ` in front. At most one caller does this.
    Error context(std::string_view frame) &&;

    int code() const noexcept { return code_; }

    // `step: object: errno text`, without a final newline.
    std::string text() const;

private:
    Error() = default;
    int code_ = 0;
    bool has_errno_text_ = true;
    std::string what_;
};

// The C library's English text for an errno whatever the locale ("Operation not permitted"); "errno 4242" for
// numbers it does not know.
std::string errno_text(int code);

}  // namespace urc
