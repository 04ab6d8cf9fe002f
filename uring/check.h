// URC_CHECK: a bug in urc itself, never a condition that the outside world can cause.
// Always on: a runtime that goes on after a broken invariant may act on the wrong process or the wrong mount.
#pragma once

namespace urc {

// Prints `file:line: check failed: text` on stderr with write(2) and aborts. Safe between clone3 and execve.
[[noreturn]] void check_failed(const char* file, int line, const char* text) noexcept;

}  // namespace urc

#define URC_CHECK(condition)                                     \
    do {                                                         \
        if (!(condition)) [[unlikely]]                           \
            ::urc::check_failed(__FILE__, __LINE__, #condition); \
    } while (false)
