#include "core/logs/decoder.h"

#include <algorithm>
#include <utility>

namespace urc::logs {

Decoder::Decoder(Format format, Stream stream, PieceSink sink)
    : format_(format), stream_(stream), sink_(std::move(sink)) {}

void Decoder::begin(Position position) {
    state_ = State::front;
    line_begin_ = position;
    offset_ = position.offset;
    line_.clear();
    has_nuls_ = false;
}

Result<void> Decoder::feed(std::string_view bytes) {
    if (format_ == Format::raw) {
        Record record;
        record.begin = {line_begin_.file, offset_};
        record.stream = stream_;
        offset_ += bytes.size();
        return sink_(record, bytes);
    }
    while (!bytes.empty()) {
        const std::size_t before = bytes.size();
        auto done = state_ == State::front ? take_front(bytes) : take_payload(bytes);
        offset_ += before - bytes.size();
        if (!done) return done;
        if (state_ == State::front && line_.empty() && !has_nuls_) line_begin_.offset = offset_;
    }
    return {};
}

// How much of a line says what it is.
std::size_t Decoder::front_max() const {
    return format_ == Format::k8s ? kHeadSizeMax : kJsonLineSizeMax;
}

// File systems leave them where a crash lost the data of a file but not its length.
void Decoder::skip_nuls(std::string_view& bytes) {
    if (!line_.empty()) return;
    const std::size_t nuls = std::min(bytes.find_first_not_of('\0'), bytes.size());
    has_nuls_ = has_nuls_ || nuls > 0;
    bytes.remove_prefix(nuls);
}

Result<void> Decoder::take_front(std::string_view& bytes) {
    skip_nuls(bytes);
    const std::string_view wanted = bytes.substr(0, front_max() - line_.size());
    const std::size_t newline = wanted.find('\n');
    const bool is_ended = newline != wanted.npos;
    const std::string_view taken = wanted.substr(0, newline);
    bytes.remove_prefix(taken.size() + (is_ended ? 1 : 0));
    // Nearly always the line lies in the buffer as a whole, and need not be kept.
    if (line_.empty() && is_ended) return open_record(taken, true);
    line_ += taken;
    if (!is_ended && line_.size() < front_max()) return {};
    const std::string line = std::exchange(line_, {});
    return open_record(line, is_ended);
}

Result<void> Decoder::take_payload(std::string_view& bytes) {
    const std::size_t newline = bytes.find('\n');
    const std::string_view taken = bytes.substr(0, newline);
    bytes.remove_prefix(std::min(taken.size() + 1, bytes.size()));
    if (state_ == State::payload && !taken.empty())
        if (auto done = put(record_, taken); !done) return done;
    return newline == taken.npos ? Result<void>{} : end_record();
}

// `line` is a whole line when is_ended, otherwise its front.
Result<void> Decoder::open_record(std::string_view line, bool is_ended) {
    std::string_view text;
    if (format_ == Format::k8s) {
        const Head head = read_k8s_head(line, is_ended);
        record_ = head.record;
        text = line.substr(head.size);
    } else {
        record_ = json_.read(line, is_ended);
        text = json_.text();
    }
    record_.begin = line_begin_;
    if (record_.is_damaged || has_nuls_) ++damaged_;
    has_nuls_ = false;
    state_ = format_ == Format::k8s ? State::payload : State::rest;
    if (!record_.is_blank) URC_TRY_VOID(put(record_, text));
    return is_ended ? end_record() : Result<void>{};
}

Result<void> Decoder::end_record() {
    const bool wants_newline = state_ == State::payload && !record_.is_partial && !record_.is_blank;
    state_ = State::front;
    return wants_newline ? put(record_, "\n") : Result<void>{};
}

Result<void> Decoder::put(const Record& record, std::string_view bytes) {
    return sink_(record, bytes);
}

Result<void> Decoder::finish() {
    if (format_ == Format::raw) return {};
    if (state_ == State::front) {
        if (!is_within_line()) return {};
        const std::string line = std::exchange(line_, {});
        URC_TRY_VOID(open_record(line, false));
        if (record_.is_damaged) return end_record();
    }
    // It has no end of its own, so it is damaged, too; but a json record may lack no more than the newline.
    if (state_ == State::payload && !record_.is_damaged) ++damaged_;
    return end_record();
}

}  // namespace urc::logs
