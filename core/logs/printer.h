// Printer: chooses the records that are to be shown and hands their bytes on, many at a time.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/logs/record.h"
#include "uring/result.h"

namespace urc::logs {

struct Filter {
    std::optional<Instant> since, until;
    bool takes_out = true, takes_err = true;

    bool takes(Stream stream) const { return stream == Stream::out ? takes_out : takes_err; }
    // A damaged record has no time: it is left out where the time is asked for.
    bool takes(const Record& record) const {
        if (record.is_blank || !takes(record.stream)) return false;
        if (since && (!record.time || *record.time < *since)) return false;
        return !until || (record.time && *record.time <= *until);
    }
};

using ByteSink = std::function<Result<void>(Stream stream, std::string_view bytes)>;

class Printer {
public:
    Printer(Filter filter, bool has_timestamps, ByteSink sink)
        : filter_(filter), has_timestamps_(has_timestamps), sink_(std::move(sink)) {}

    // Records of `stream` that begin before `position` are not shown.
    void start_at(Stream stream, Position position) { start_[index(stream)] = position; }
    Result<void> piece(const Record& record, std::string_view bytes);
    // Hands on what it still keeps.
    Result<void> flush();

private:
    static std::size_t index(Stream stream) { return stream == Stream::out ? 0 : 1; }
    Result<void> put(Stream stream, std::string_view bytes);

    const Filter filter_;
    const bool has_timestamps_;
    const ByteSink sink_;
    std::array<Position, 2> start_{};
    std::array<bool, 2> is_within_line_{};
    Stream stream_ = Stream::out;  // of the bytes that are kept
    std::string kept_;
};

}  // namespace urc::logs
