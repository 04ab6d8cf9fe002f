#include "core/log.h"

#include <fcntl.h>

#include "core/json_writer.h"
#include "core/timestamp.h"
#include "uring/file.h"

namespace urc {
namespace {

std::string_view level_word(LogLevel level) {
    switch (level) {
        case LogLevel::error:
            return "error";
        case LogLevel::warning:
            return "warning";
        case LogLevel::debug:
            return "debug";
    }
    return "error";
}

// Somebody's container id or path may hold a newline, or what a terminal obeys; a failing call is one line
// nevertheless.
std::string one_line(std::string_view text) {
    constexpr char kHex[] = "0123456789abcdef";
    std::string line;
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            line += "\\n";
        } else if (c == '\r') {
            line += "\\r";
        } else if (byte < 0x20 || byte == 0x7f) {
            line += "\\x";
            line += kHex[byte >> 4];
            line += kHex[byte & 15];
        } else {
            line += c;
        }
    }
    return line;
}

std::string json_record(LogLevel level, std::string_view message) {
    std::string line;
    JsonWriter json(line);
    json.begin_object();
    json.key("level").string(level_word(level));
    json.key("msg").string(message);
    json.key("time").string(rfc3339(now(), 6));
    if (level == LogLevel::debug) json.key("monotonic_us").number(monotonic_us());
    json.end_object();
    line += '\n';
    return line;
}

// logrus's text format, which is what readers of runc's log know. Its quoting is Go's, which agrees with
// JSON's on all that occurs here.
std::string text_record(LogLevel level, std::string_view message) {
    std::string line = "time=\"" + rfc3339(now(), 0) + "\" level=";
    line += level_word(level);
    line += " msg=";
    append_json_string(line, message);
    if (level == LogLevel::debug) line += " monotonic_us=" + std::to_string(monotonic_us());
    line += '\n';
    return line;
}

// One write, so that lines of several processes do not mix. There is nobody to tell when it fails.
void put(int fd, std::string_view line) {
    (void)write_all(fd, line, "log");
}

}  // namespace

Result<Log> Log::open(const LogOptions& options) {
    Log log;
    log.format_ = options.format;
    const bool is_stderr = options.path.empty() || options.path == "/dev/stderr";
    log.level_ = options.level.value_or(is_stderr ? LogLevel::warning : LogLevel::error);
    if (is_stderr) return log;
    URC_TRY(log.file_,
            open_at(AT_FDCWD, options.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, 0644));
    return log;
}

void Log::error(std::string_view message) const {
    if (file_ || format_ == LogFormat::json) write(LogLevel::error, message);
    if (file_ || format_ == LogFormat::text) put(2, "urc: " + one_line(message) + "\n");
}

void Log::write(LogLevel level, std::string_view message) const {
    put(target(), format_ == LogFormat::json ? json_record(level, message) : text_record(level, message));
}

}  // namespace urc
