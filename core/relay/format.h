// The formats of records: what was read goes in, whole records come out.
//
//   read 1: "one\ntw"      one F                    `tw` waits here: the next read may bring its end
//   read 2: "o\nthr"       two F                    `thr` waits
//   100 ms without more:   thr P                    somebody may be waiting for a prompt
//   the end:               F, with nothing in it    so that a reader who joins partial records knows that it
//   is whole
//
// A line becomes one record, however the pipe has cut it, unless it is longer than kRecordSizeMax: then it is
// cut there. Writing what a read ends with at once, as conmon does, needs no memory, but cuts one line in
// every full read of a busy container, and readers that do not join records (journalctl, grep) see that. So
// an unfinished line is kept, and nothing else is: memory for it is given back with its end.
//
// The output memory is the caller's, used again for every read: a record is only memchr and memcpy.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/relay/sink_options.h"
#include "core/relay/time_text.h"

namespace urc::relay {

// What one stream said at one time.
struct Chunk {
    Stream stream = Stream::out;
    WallTime time{};
    std::string_view bytes;
};

// Where records go, and how many.
struct Room {
    std::span<char> memory;    // at least Format::record_bound()
    std::size_t size_max = 0;  // bytes of all records together ...
    bool takes_one_at_least =
        true;  // ... unless the first alone is longer: an empty file takes it all the same
    std::size_t records_max = static_cast<std::size_t>(-1);
};

struct Formatted {
    std::size_t consumed = 0;  // bytes of the chunk, written or kept as an unfinished line
    std::size_t size = 0;      // bytes of whole records in the memory
};

enum class Ending : bool { partial, full };

class Format {
public:
    virtual ~Format() = default;

    // Records of as much of `chunk` as fits. Nothing consumed and no size: the next record needs more room
    // than there is.
    virtual Formatted format(const Chunk& chunk, const Room& room) = 0;

    // The record that ends the unfinished line of `stream`: a partial one, or, as the last word of an output
    // or before a notice, a full one. 0 when there is nothing to end.
    virtual std::size_t end_line(Stream stream, WallTime time, Ending ending, std::span<char> memory) = 0;

    // A record of its own on stderr, not a part of what the container says. After end_line(full).
    virtual std::size_t notice(std::string_view text, WallTime time, std::span<char> memory) = 0;

    // A line waits for its end, and nobody has seen it. Half a character does not count: it is nothing to
    // see.
    virtual bool has_unfinished(Stream stream) const = 0;

    // No record is larger.
    virtual std::size_t record_bound() const = 0;
};

// Of the drivers with records: k8s_file, json_file, journald. `id` is the container's.
std::unique_ptr<Format> make_format(const SinkOptions& options, std::string_view id);

// `NAME=value`, or, where the value has newlines, the name, its length and the value: one field of systemd's
// native journal protocol.
void append_journal_field(std::string& to, std::string_view name, std::string_view value);

}  // namespace urc::relay
