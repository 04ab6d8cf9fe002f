// Log: what urc tells the world beside its answers on stdout.
//
// One failing call writes exactly one error line: podman reads the whole log file as ONE JSON object,
// containerd keeps the last line whose level is "error", CRI-O matches stderr. So whoever finds the failure
// hands it up, only cli calls error(), and that is the last line.
//
// So a --log file has no warnings in it unless --log-level asks for them; and stderr has none then either,
// since engines that give --log connect it with the container's own. Without --log, people see them on
// stderr.
//
//   no --log, text    stderr:  urc: create c1: ...            (others: time="..." level=warning msg="...")
//   no --log, json    stderr:  {"level":"error","msg":"create c1: ...","time":"..."}
//   --log FILE        FILE:    time="..." level=error msg="create c1: ..."    (or the JSON object)
//                     stderr:  urc: create c1: ...            (errors only)
//
// Debug lines carry the monotonic clock in microseconds, so that a `--debug` run is a phase trace. Nothing is
// formatted when the level is off.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc {

enum class LogLevel : std::uint8_t { error, warning, debug };
enum class LogFormat : std::uint8_t { text, json };

struct LogOptions {
    std::string path;  // empty or "/dev/stderr": stderr
    LogFormat format = LogFormat::text;
    std::optional<LogLevel> level;  // empty: warnings on stderr, errors only in a file
};

class Log {
public:
    Log() = default;  // as text, on stderr: good enough until the options are known

    // Opens `options.path` for appending, 0644 when it has to be made.
    static Result<Log> open(const LogOptions& options);

    bool is_on(LogLevel level) const noexcept { return level <= level_; }

    // The one line of a failing call. `message` has no `urc: ` in front; the copy on stderr gets it.
    void error(std::string_view message) const;

    // Parts are strings and integers, joined without blanks: log.debug("phase: mounted, ", n, " mounts").
    template <typename... Parts>
    void warning(const Parts&... parts) const {
        if (is_on(LogLevel::warning)) write(LogLevel::warning, join(parts...));
    }
    template <typename... Parts>
    void debug(const Parts&... parts) const {
        if (is_on(LogLevel::debug)) [[unlikely]]
            write(LogLevel::debug, join(parts...));
    }

private:
    template <typename... Parts>
    static std::string join(const Parts&... parts) {
        std::string line;
        (append(line, parts), ...);
        return line;
    }
    static void append(std::string& line, std::string_view part) { line += part; }
    static void append(std::string& line, std::integral auto number) {
        char digits[24];
        line.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    }
    void write(LogLevel level, std::string_view message) const;
    int target() const noexcept { return file_ ? file_.get() : 2; }

    Fd file_;
    LogFormat format_ = LogFormat::text;
    LogLevel level_ = LogLevel::warning;
};

}  // namespace urc
