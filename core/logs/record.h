// One record of a log: what stands in a line of a k8s-file or json-file (relay/sink_options.h), without
// regard to where the line comes from. A record is looked at from both sides, forwards by the Decoder and
// backwards by --tail; what it is depends on nothing but its own line, so that both see the same.
//
// A crash leaves lines cut, glued together, or a block of NULs. Such a line is "damaged": it counts as a
// whole line of stdout without a time, and what can be read of it is shown.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/logs/instant.h"
#include "core/relay/sink_options.h"

namespace urc::logs {

using relay::Stream;

enum class Format : std::uint8_t { k8s, json, raw };

// Where a line begins: which file, the oldest being 0, and the byte in it.
struct Position {
    std::size_t file = 0;
    std::uint64_t offset = 0;
    auto operator<=>(const Position&) const = default;
};

struct Record {
    Position begin;
    std::optional<Instant> time;  // none: damaged, or raw
    Stream stream = Stream::out;
    bool is_partial = false;  // its line goes on in the next record of this stream
    bool is_damaged = false;
    bool is_blank = false;  // damaged to the last byte: there is nothing to show
};

// What a k8s record is stands in its first bytes.
inline constexpr std::size_t kHeadSizeMax = 128;

struct Head {
    Record record;
    std::size_t size = 0;  // where the payload begins
};
// `line`: the first kHeadSizeMax bytes of a line or more, or all there are, without the newline. is_ended:
// there is a newline; a head that the end of the file cuts is blank, as nothing of the payload is there.
Head read_k8s_head(std::string_view line, bool is_ended);

// Longer lines are no records of json-file (its payload is at most kRecordSizeMax): they are damaged, and no
// more than this is read of them.
inline constexpr std::size_t kJsonLineSizeMax = 1 << 20;

class JsonRecords {
public:
    JsonRecords();
    JsonRecords(JsonRecords&&) noexcept;
    ~JsonRecords();

    // `line`: all of it without the newline, but at most kJsonLineSizeMax bytes.
    Record read(std::string_view line, bool is_ended);
    // The payload of the record that was read last, with its newline; valid until the next one.
    std::string_view text() const { return text_; }

private:
    struct Parser;
    bool parse(std::string_view line, Record& record);
    Record salvage(std::string_view line, bool is_ended);

    std::unique_ptr<Parser> parser_;
    std::string padded_, text_;
};

}  // namespace urc::logs
