// LineFormat: cuts a stream into lines, whatever the reads were, and lets an Encoder write them as records.
//
// An Encoder has
//   void begin(Stream, WallTime)                         what the records of one read share
//   char* put(char* to, head, tail, Ending)              one record: the line is head + tail
//   std::size_t bound(std::size_t size) const            of a record with `size` bytes of line
//   static std::size_t cut(std::string_view)             how much of a line that is too long goes into a
//   record
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/relay/format.h"

namespace urc::relay {

template <typename Encoder>
class LineFormat final : public Format {
public:
    template <typename... Args>
    explicit LineFormat(Args&&... args) : encoder_(std::forward<Args>(args)...) {}

    Formatted format(const Chunk& chunk, const Room& room) override {
        Line& line = line_of(chunk.stream);
        encoder_.begin(chunk.stream, chunk.time);
        Formatted done;
        std::string_view rest = chunk.bytes;
        for (std::size_t records = 0; !rest.empty() && records < room.records_max; ++records) {
            Piece piece = next_piece(line.text, rest);
            if (!piece.is_record) {
                line.text.append(rest);
                rest = {};
                break;
            }
            if (encoder_.bound(line.text.size() + piece.tail.size()) > room.memory.size() - done.size) break;
            char* begin = room.memory.data() + done.size;
            char* end = encoder_.put(begin, piece.head, piece.tail, piece.ending);
            std::size_t size = done.size + static_cast<std::size_t>(end - begin);
            bool is_first = done.size == 0;
            if (size > room.size_max && !(is_first && room.takes_one_at_least)) break;
            done.size = size;
            rest.remove_prefix(piece.consumed);
            line.is_partly_out = piece.ending == Ending::partial;
            forget(line.text, piece.head.size());
        }
        done.consumed = chunk.bytes.size() - rest.size();
        return done;
    }

    std::size_t end_line(Stream stream, WallTime time, Ending ending, std::span<char> memory) override {
        Line& line = line_of(stream);
        bool is_needed = !line.text.empty() || (ending == Ending::full && line.is_partly_out);
        if (!is_needed) return 0;
        // Half a character waits for its other half, unless there is none.
        std::string_view text = line.text;
        if (ending == Ending::partial) text = text.substr(0, Encoder::cut(text));
        if (ending == Ending::partial && text.empty()) return 0;
        encoder_.begin(stream, time);
        char* end = encoder_.put(memory.data(), text, "", ending);
        line.is_partly_out = ending == Ending::partial;
        forget(line.text, text.size());
        return static_cast<std::size_t>(end - memory.data());
    }

    std::size_t notice(std::string_view text, WallTime time, std::span<char> memory) override {
        encoder_.begin(Stream::err, time);
        char* end = encoder_.put(memory.data(), text, "", Ending::full);
        return static_cast<std::size_t>(end - memory.data());
    }

    bool has_unfinished(Stream stream) const override {
        return Encoder::cut(lines_[stream == Stream::out ? 0 : 1].text) > 0;
    }

    std::size_t record_bound() const override { return encoder_.bound(kRecordSizeMax); }

private:
    struct Line {
        std::string text;            // unfinished, at most kRecordSizeMax bytes
        bool is_partly_out = false;  // the last record was a partial one
    };
    struct Piece {
        bool is_record = false;
        Ending ending = Ending::full;
        std::string_view head, tail;
        std::size_t consumed = 0;  // of the input
    };

    Line& line_of(Stream stream) { return lines_[stream == Stream::out ? 0 : 1]; }

    static Piece next_piece(std::string_view waiting, std::string_view rest) {
        std::size_t room = kRecordSizeMax - waiting.size();
        std::size_t looked_at = std::min(rest.size(), room + 1);
        const void* newline = std::memchr(rest.data(), '\n', looked_at);
        if (newline) {
            auto size = static_cast<std::size_t>(static_cast<const char*>(newline) - rest.data());
            return {true, Ending::full, waiting, rest.substr(0, size), size + 1};
        }
        if (rest.size() <= room) return {};
        return long_piece(waiting, rest.substr(0, room));
    }

    // The line goes on behind `waiting + tail`, which are just as much as a record holds.
    static Piece long_piece(std::string_view waiting, std::string_view tail) {
        constexpr std::size_t kCharacterMax = 4;
        // The end of the record, in one piece: a character may lie across the two.
        char end[2 * kCharacterMax];
        std::size_t from_waiting = tail.size() < kCharacterMax ? std::min(waiting.size(), kCharacterMax) : 0;
        std::size_t from_tail = std::min(tail.size(), kCharacterMax);
        std::memcpy(end, waiting.data() + waiting.size() - from_waiting, from_waiting);
        std::memcpy(end + from_waiting, tail.data() + tail.size() - from_tail, from_tail);
        std::size_t size = from_waiting + from_tail;
        std::size_t too_much = size - Encoder::cut({end, size});
        if (too_much <= tail.size()) {
            tail.remove_suffix(too_much);
        } else {
            waiting.remove_suffix(too_much - tail.size());
            tail = tail.substr(0, 0);
        }
        return {true, Ending::partial, waiting, tail, tail.size()};
    }

    static void forget(std::string& text, std::size_t size) {
        if (size == 0) return;
        if (size < text.size()) {
            text.erase(0, size);
        } else {
            std::string().swap(text);
        }
    }

    Encoder encoder_;
    std::array<Line, 2> lines_;
};

// How much of `text` is in front of a character of UTF-8 that has begun and could still be completed.
inline std::size_t whole_characters(std::string_view text) {
    for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
        auto byte = static_cast<unsigned char>(text[text.size() - back]);
        if ((byte & 0xc0) == 0x80) continue;
        std::size_t needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        return needs > back ? text.size() - back : text.size();
    }
    return text.size();
}

}  // namespace urc::relay
