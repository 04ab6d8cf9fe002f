// Decoder: the bytes of a log, read forwards in pieces of any size, become pieces of what the container
// wrote. Memory is bounded: a k8s record of any length goes through as it comes, of a json one at most
// kJsonLineSizeMax bytes are kept.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/logs/record.h"
#include "uring/result.h"

namespace urc::logs {

// Some bytes of a record, with its newline where it has one. Empty for a record without any bytes.
using PieceSink = std::function<Result<void>(const Record& record, std::string_view bytes)>;

class Decoder {
public:
    // `stream`: of a raw file, which has but one.
    Decoder(Format format, Stream stream, PieceSink sink);

    // The bytes that follow are those at `position`, where a line begins.
    void begin(Position position);
    // An Error is the sink's.
    Result<void> feed(std::string_view bytes);
    // There are no more bytes: what is left of an unfinished line goes out. Then begin() again.
    Result<void> finish();

    // Damaged lines until now.
    std::uint64_t damaged() const { return damaged_; }
    bool is_within_line() const { return state_ != State::front || !line_.empty() || has_nuls_; }

private:
    // k8s:  front -> payload or rest -> front             json: front -> rest (of a line too long) -> front
    enum class State : std::uint8_t { front, payload, rest };

    std::size_t front_max() const;
    void skip_nuls(std::string_view& bytes);
    Result<void> take_front(std::string_view& bytes);
    Result<void> take_payload(std::string_view& bytes);
    Result<void> open_record(std::string_view line, bool is_ended);
    Result<void> end_record();
    Result<void> put(const Record& record, std::string_view bytes);

    const Format format_;
    const Stream stream_;
    const PieceSink sink_;
    State state_ = State::front;
    Position line_begin_;
    std::uint64_t offset_ = 0;  // of the next byte
    std::string line_;          // the front of a line, as far as it is there
    bool has_nuls_ = false;     // in front of it
    Record record_;
    JsonRecords json_;
    std::uint64_t damaged_ = 0;
};

}  // namespace urc::logs
