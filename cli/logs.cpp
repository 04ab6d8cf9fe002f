// urc logs ID: what the container has written, each stream on ours.
#include <unistd.h>

#include "cli/command.h"
#include "cli/values.h"
#include "core/timestamp.h"
#include "uring/file.h"

namespace urc::cli {
namespace {

struct LogsWords {
    std::string since, until, tail = "all";
    bool out = false, err = false, rotate = false;
};

void declare_logs_options(OptionSet& options, LogsWords& words, LogsOptions& logs) {
    options.flag("follow", 'f', logs.follow, "go on until the container's monitor ends");
    options.text("since", 0, words.since,
                 "only from then on: 2026-01-31T09:05:00Z, seconds since 1970, or 10m (ago)");
    options.text("until", 0, words.until, "only up to then; spelled as --since");
    options.text("tail", 0, words.tail, "only so many of the last lines (default: all)");
    options.flag("stdout", 0, words.out, "only standard output");
    options.flag("stderr", 0, words.err, "only standard error");
    options.flag("timestamps", 't', logs.has_timestamps, "put the time in front of each line");
    options.flag("rotate", 0, words.rotate, "begin new log files, and show nothing");
}

Result<void> take_instant(std::string_view option, const std::string& given,
                          std::optional<logs::Instant>& target) {
    if (given.empty()) return {};
    target = parse_point_in_time(given, now());
    if (!target) return wrong_value(option, given, "a time as of RFC 3339, seconds since 1970, or 10m");
    return {};
}

Result<void> take_words(const LogsWords& words, LogsOptions& logs) {
    URC_TRY_VOID(take_instant("since", words.since, logs.since));
    URC_TRY_VOID(take_instant("until", words.until, logs.until));
    if (words.tail != "all") {
        logs.tail = parse_number<std::uint64_t>(words.tail);
        if (!logs.tail) return wrong_value("tail", words.tail, "a number, or all");
    }
    if (words.out != words.err) {
        logs.wants_out = words.out;
        logs.wants_err = words.err;
    }
    logs.output_fd = STDOUT_FILENO;
    return {};
}

Result<void> write_stream(relay::Stream stream, std::string_view bytes) {
    if (stream == relay::Stream::out) return write_all(STDOUT_FILENO, bytes, "stdout");
    return write_all(STDERR_FILENO, bytes, "stderr");
}

}  // namespace

int logs_command(Session& session) {
    LogsOptions logs_options;
    LogsWords words;
    OptionSet options;
    declare_logs_options(options, words, logs_options);
    if (auto status = session.begin(options)) return *status;
    if (auto taken = take_words(words, logs_options); !taken) return session.fail(taken.error());
    auto result = words.rotate ? rotate_logs(session.global(), session.argument(0))
                               : read_logs(session.global(), session.argument(0), logs_options, write_stream);
    // Whoever read this has seen enough.
    if (!result && result.error().code() == EPIPE && !words.rotate) return 0;
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
