#include "core/relay/sink.h"

#include <algorithm>
#include <cstring>

namespace urc::relay {
namespace {

// What a read becomes, piece by piece. On the stack: the same pages for every container of the process.
constexpr std::size_t kScratchSize = 128 << 10;

constexpr std::size_t index_of(Stream stream) {
    return stream == Stream::out ? 0 : 1;
}

std::uint64_t lines_in(std::string_view text) {
    return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

Sink::Sink(Files& files, const SinkOptions& options, const Log* log)
    : files_(files), options_(options), log_(log), backlog_(files, options_) {}

Result<std::unique_ptr<Sink>> Sink::open(Files& files, const SinkOptions& options, std::string_view id,
                                         const Log* log) {
    std::unique_ptr<Sink> sink(new Sink(files, options, log));
    sink->format_ = make_format(sink->options_, id);
    URC_CHECK(!sink->format_ || sink->format_->record_bound() <= kScratchSize);
    URC_TRY(sink->target_, open_target(files, sink->options_));
    return sink;
}

void Sink::take(const Chunk& chunk) {
    if (is_over_) return;
    Chunk left = chunk;
    if (!is_stalled_) left.bytes.remove_prefix(work(chunk));
    if (!left.bytes.empty() && !is_over_) keep(left);
}

void Sink::keep(const Chunk& chunk) {
    // Once something was dropped, all is until the sink has caught up, so that there is one gap and one
    // notice.
    bool is_dropped = options_.policy == Policy::drop && (dropped_bytes_ > 0 || backlog_.is_full());
    if (!is_dropped) return backlog_.push(chunk);
    dropped_bytes_ += chunk.bytes.size();
    dropped_lines_ += lines_in(chunk.bytes);
}

// ---- work: bytes to records to the target
// ------------------------------------------------------------------------

// The number of bytes of `chunk` that need not be kept: they are in the target, in rest_ or in the format.
std::size_t Sink::work(const Chunk& chunk) {
    return format_ ? work_formatted(chunk) : work_raw(chunk);
}

std::size_t Sink::work_formatted(const Chunk& chunk) {
    char scratch[kScratchSize];
    Chunk left = chunk;
    while (!left.bytes.empty() && !is_stalled_ && !is_over_) {
        Room room;
        room.memory = scratch;
        room.size_max = target_->room();
        room.takes_one_at_least = target_->is_new();
        if (target_->takes_packets()) room.records_max = 1;
        Formatted done = format_->format(left, room);
        left.bytes.remove_prefix(done.consumed);
        if (done.size > 0) {
            (void)put({scratch, done.size});
        } else if (!left.bytes.empty()) {
            target_->make_room();
            complain();
        }
    }
    return chunk.bytes.size() - left.bytes.size();
}

std::size_t Sink::work_raw(const Chunk& chunk) {
    std::string_view left = chunk.bytes;
    while (!left.empty() && !is_stalled_ && !is_over_) {
        std::string_view part = left.substr(0, target_->room());
        // A file ends with a whole line, if it can.
        if (part.size() < left.size()) part = part.substr(0, part.rfind('\n') + 1);
        if (part.empty() && target_->is_new()) part = left.substr(0, target_->room());
        if (part.empty()) {
            target_->make_room();
            complain();
            continue;
        }
        Put result = target_->put(part);
        if (result.taken > 0) last_byte_ = part[result.taken - 1];
        left.remove_prefix(result.taken);
        note(result);
    }
    return chunk.bytes.size() - left.size();
}

// Whole records, or what is left of them. What is not taken becomes rest_. True when nothing is left.
bool Sink::put(std::string_view bytes) {
    Put result = target_->put(bytes);
    if (result.taken < bytes.size()) {
        std::string rest(bytes.substr(result.taken));
        rest_.swap(rest);
    } else {
        std::string().swap(rest_);
    }
    note(result);
    return rest_.empty();
}

// One record that was not asked how much room there is.
void Sink::put_record(std::string_view record) {
    if (record.size() > target_->room() && !target_->is_new()) {
        target_->make_room();
        complain();
    }
    (void)put(record);
}

void Sink::note(const Put& result) {
    if (result.is_over) {
        warn("the reader is gone", errno_text(result.error));
        forget();
        is_over_ = true;
        return;
    }
    is_stalled_ = result.error != 0;
    // A full pipe is no news; a full disk is, once.
    if (result.error != 0 && result.error != EAGAIN && !std::exchange(has_complained_, true))
        warn("write", errno_text(result.error));
}

// ---- stalled, and again
// ------------------------------------------------------------------------------------------

bool Sink::retry() {
    const std::uint64_t before = kept();
    is_stalled_ = false;
    if (!rest_.empty()) {
        std::string rest = std::move(rest_);
        rest_.clear();
        (void)put(rest);
    }
    while (!is_stalled_ && !is_over_ && !backlog_.empty()) {
        Chunk chunk = backlog_.front();
        if (chunk.bytes.empty()) break;
        std::size_t done = work(chunk);
        if (!is_over_) backlog_.pop(done);
    }
    if (std::uint64_t lost = backlog_.take_lost())
        warn(std::to_string(lost) + " bytes", "the spill file does not give them back");
    bool is_quiet = !is_stalled_ && !is_over_;
    if (is_quiet && say_pending()) has_complained_ = false;
    // Bytes in the backlog may grow when they become records, so that being free again counts in any case.
    return kept() != before || !is_stalled_;
}

// All that was to be said once nothing is kept any more. True when it was said.
bool Sink::say_pending() {
    if (std::exchange(must_rotate_, false)) rotate_now();
    if (dropped_bytes_ > 0) say_dropped();
    for (Stream stream : {Stream::out, Stream::err}) {
        Pending& pending = pending_[index_of(stream)];
        if (is_stalled_) return false;
        if (std::exchange(pending.reveal, false)) end_lines(stream, Ending::partial);
        if (is_stalled_) return false;
        if (std::exchange(pending.close, false)) end_lines(stream, Ending::full);
    }
    return !is_stalled_;
}

void Sink::say_dropped() {
    std::string text = "urc: " + std::to_string(dropped_lines_) + " lines (" +
                       std::to_string(dropped_bytes_) + " bytes) dropped";
    if (log_) log_->warning("log ", driver_word(options_.driver), ": ", std::string_view(text).substr(5));
    if (!format_) {
        text = (last_byte_ == '\n' ? "" : "\n") + text + '\n';
        last_byte_ = '\n';
    } else {
        for (Stream stream : {Stream::out, Stream::err}) end_lines(stream, Ending::full);
        // The lines that have just been closed may have filled the target: then the notice waits, too.
        if (is_stalled_ || is_over_) return;
        char scratch[kScratchSize];
        text.assign(scratch, format_->notice(text, files_.now(), scratch));
    }
    dropped_bytes_ = dropped_lines_ = 0;
    put_record(text);
}

bool Sink::has_unfinished(Stream stream) const {
    return format_ && takes(stream) && !is_stalled_ && format_->has_unfinished(stream);
}

void Sink::end_lines(Stream stream, Ending ending) {
    if (!format_ || is_over_) return;
    if (is_stalled_) {
        Pending& pending = pending_[index_of(stream)];
        (ending == Ending::full ? pending.close : pending.reveal) = true;
        return;
    }
    char scratch[kScratchSize];
    std::size_t size = format_->end_line(stream, files_.now(), ending, scratch);
    if (size > 0) put_record({scratch, size});
}

void Sink::close() {
    for (Stream stream : {Stream::out, Stream::err})
        if (options_.takes(stream)) end_lines(stream, Ending::full);
}

void Sink::rotate() {
    // Between two records.
    must_rotate_ = is_stalled_;
    if (!is_stalled_) rotate_now();
}

void Sink::rotate_now() {
    target_->rotate();
    complain();
}

// What went wrong with the file, and is no reason to stop.
void Sink::complain() {
    warn("written on", target_->take_complaint());
}

void Sink::abandon() {
    std::uint64_t lost = kept() + dropped_bytes_;
    if (lost > 0) warn(std::to_string(lost) + " bytes", "not written");
    forget();
}

void Sink::forget() {
    std::string().swap(rest_);
    backlog_.clear();
    dropped_bytes_ = dropped_lines_ = 0;
    pending_ = {};
    is_stalled_ = false;
}

void Sink::warn(std::string_view what, std::string_view why) const {
    if (!log_ || why.empty()) return;
    std::string_view where = options_.path;
    log_->warning("log ", driver_word(options_.driver), where.empty() ? "" : " ", where, ": ", what, ": ",
                  why);
}

}  // namespace urc::relay
