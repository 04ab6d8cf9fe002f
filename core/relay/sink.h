// Sink: one destination of a container's output: a format (none: the bytes as they come), a target, and what
// is kept while the target does not take anything.
//
//   take() --> not stalled: format -> put() ---> all taken: nothing is kept, nothing was copied twice
//                                      `-------> the rest of these records: `rest_`, the rest of the read:
//                                      backlog
//        `--> stalled: backlog, or counted as dropped
//   retry() when wait_fd() is writable, or some time later: rest_, backlog, and what was to be said at its
//   end
//
// Nothing here waits; output.cpp does. A record that has begun is always finished, so a short write never
// costs a byte or doubles one.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "core/log.h"
#include "core/relay/backlog.h"
#include "core/relay/format.h"
#include "core/relay/target.h"

namespace urc::relay {

class Sink {
public:
    static Result<std::unique_ptr<Sink>> open(Files& files, const SinkOptions& options, std::string_view id,
                                              const Log* log);
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    const SinkOptions& options() const { return options_; }
    bool takes(Stream stream) const { return options_.takes(stream) && !is_over_; }

    void take(const Chunk& chunk);

    // The stream may be read on.
    bool has_room() const { return !is_stalled() || options_.policy == Policy::drop || !backlog_.is_full(); }

    // A line waits for its end where nobody sees it, and reveal() would show it.
    bool has_unfinished(Stream stream) const;
    void reveal(Stream stream) { end_lines(stream, Ending::partial); }

    // The last word: unfinished lines are closed as soon as what is before them has been taken.
    void close();

    void rotate();

    // Something is kept that the target has not taken.
    bool is_stalled() const { return is_stalled_; }
    int wait_fd() const { return target_->wait_fd(); }
    // True when it has taken something.
    bool retry();
    // Bytes of output (or of records, of those that have begun) that are kept.
    std::uint64_t kept() const { return rest_.size() + backlog_.size(); }
    // Gives up on what is kept, with a warning.
    void abandon();

    // For the splice of output.cpp: a pipe, and nothing before it is waiting.
    int splice_fd() const { return is_stalled_ || is_over_ ? -1 : target_->splice_fd(); }

    // Somebody calls retry().
    bool is_attended = false;

private:
    Sink(Files& files, const SinkOptions& options, const Log* log);

    std::size_t work(const Chunk& chunk);
    std::size_t work_formatted(const Chunk& chunk);
    std::size_t work_raw(const Chunk& chunk);
    bool put(std::string_view bytes);
    void put_record(std::string_view record);
    void note(const Put& result);
    void forget();
    void keep(const Chunk& chunk);
    void end_lines(Stream stream, Ending ending);
    void say_dropped();
    bool say_pending();
    void rotate_now();
    void complain();
    void warn(std::string_view what, std::string_view why) const;

    Files& files_;
    SinkOptions options_;
    const Log* log_;
    std::unique_ptr<Format> format_;
    std::unique_ptr<Target> target_;
    std::string rest_;  // of records that have begun
    Backlog backlog_;
    std::uint64_t dropped_bytes_ = 0, dropped_lines_ = 0;
    // What to do with the unfinished lines once nothing is kept any more.
    struct Pending {
        bool reveal = false, close = false;
    };
    std::array<Pending, 2> pending_{};
    char last_byte_ = '\n';  // without a format: whether a notice begins a line
    bool is_stalled_ = false;
    bool has_complained_ = false;
    bool must_rotate_ = false;
    bool is_over_ = false;
};

}  // namespace urc::relay
