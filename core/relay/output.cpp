#include "core/relay/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/memory.h"
#include "core/relay/sink.h"
#include "uring/deadline.h"
#include "uring/event.h"
#include "uring/nursery.h"
#include "uring/ops_file.h"
#include "uring/race.h"

namespace urc::relay {
namespace {

using namespace std::chrono_literals;

// A prompt is seen after this time; a busy container has ended its lines long before.
constexpr auto kUnfinishedMax = 100ms;
// A disk that was full is not asked more often.
constexpr auto kRetryDelay = 1s;
// A sink that polls writable and does not take anything.
constexpr auto kBackOff = 20ms;
constexpr std::size_t kSpliceMax = 1 << 20;
constexpr std::size_t kReadMax = 64 << 10;
// What a read of more than that has needed of the stack is given back when nothing follows for some time.
constexpr std::size_t kReadLittle = 8 << 10;
constexpr auto kQuiet = 1s;

constexpr std::array kStreams = {Stream::out, Stream::err};

bool is_fifo(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

bool has_input(int fd) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, 0) > 0;
}

enum class Spliced : std::uint8_t { some, end, nothing_there, target_full, impossible };

Spliced splice_some(int from, int to) {
    ssize_t count = ::splice(from, nullptr, to, nullptr, kSpliceMax, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (count > 0) return Spliced::some;
    if (count == 0) return Spliced::end;
    if (errno == EINTR) return Spliced::some;
    if (errno != EAGAIN) return Spliced::impossible;
    return has_input(from) ? Spliced::target_full : Spliced::nothing_there;
}

// One stream while it is relayed.
struct Side {
    explicit Side(Loop& loop) : wake(loop), room(loop) {}
    Event wake;  // its keeper has something to look at
    Event room;  // its reader has
    bool is_relayed = false;
    bool is_read = false;
    bool can_splice = true;
    bool awaits_target = false;  // of a splice
    bool has_read_much = false;  // since the stack was given back
    std::optional<std::chrono::nanoseconds> unfinished_since;
};

class RelayedOutput final : public Output {
public:
    RelayedOutput(Loop& loop, Files* files)
        : loop_(loop), files_(files ? *files : kernel_), out_(loop), err_(loop) {}

    Result<void> open_sinks(const OutputOptions& options) {
        for (const SinkOptions& sink : options.sinks) {
            URC_CHECK(sink.driver != Driver::none);
            auto opened = Sink::open(files_, sink, options.id, options.log);
            if (!opened.ok())
                return std::move(opened).error().context("log " + std::string(driver_word(sink.driver)));
            sinks_.push_back(std::move(*opened));
        }
        return {};
    }

    Task<void> relay(int fd, Stream stream) override;
    Task<void> drain(int fd, Stream stream) override;
    Task<void> finish(std::chrono::nanoseconds bound) override;

    bool is_held_up() const override {
        return std::any_of(kStreams.begin(), kStreams.end(), [this](Stream stream) {
            const Side& one = stream == Stream::out ? out_ : err_;
            return one.is_relayed && (one.awaits_target || !has_room(stream));
        });
    }

    void rotate() override {
        for (auto& sink : sinks_) sink->rotate();
    }
    void add_viewer(Viewer& viewer) override { viewers_.push_back(&viewer); }
    void remove_viewer(Viewer& viewer) override { std::erase(viewers_, &viewer); }

private:
    Side& side(Stream stream) { return stream == Stream::out ? out_ : err_; }

    Task<void> read_to_end(int fd, Stream stream);
    Task<bool> splice_once(int fd, Sink& sink, Side& side);
    Task<void> until_taken(Sink& sink);
    Task<void> pump(Sink& sink);
    Task<void> pump_all();
    void attend(Nursery& nursery);

    bool has_room(Stream stream) const;
    Sink* only_pipe(Stream stream) const;
    void take(Stream stream, std::span<const std::byte> bytes);
    void note_unfinished(Stream stream);
    std::optional<std::chrono::nanoseconds> timeout_of(Stream stream);
    void be_quiet(Stream stream);
    void reveal(Stream stream);
    bool read_once(int fd, Stream stream);
    void wake_keepers();
    void wake_readers();

    Loop& loop_;
    Files kernel_;
    Files& files_;
    std::vector<std::unique_ptr<Sink>> sinks_;
    std::vector<Viewer*> viewers_;
    Side out_, err_;
};

// ---- what was read
// -----------------------------------------------------------------------------------------------

void RelayedOutput::take(Stream stream, std::span<const std::byte> bytes) {
    for (std::size_t i = viewers_.size(); i-- > 0;)
        if (i < viewers_.size()) viewers_[i]->output(stream, bytes);
    Chunk chunk;
    chunk.stream = stream;
    chunk.time = files_.now();
    chunk.bytes = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    bool needs_pump = false;
    for (auto& sink : sinks_) {
        if (!sink->takes(stream)) continue;
        sink->take(chunk);
        needs_pump = needs_pump || (sink->is_stalled() && !sink->is_attended);
    }
    if (needs_pump) wake_keepers();
    note_unfinished(stream);
}

void RelayedOutput::note_unfinished(Stream stream) {
    bool has = std::any_of(sinks_.begin(), sinks_.end(),
                           [&](const auto& sink) { return sink->has_unfinished(stream); });
    auto& since = side(stream).unfinished_since;
    if (!has) {
        since.reset();
    } else if (!since) {
        since = loop_.now();
    }
}

// How long to wait for more before be_quiet().
std::optional<std::chrono::nanoseconds> RelayedOutput::timeout_of(Stream stream) {
    const Side& one = side(stream);
    if (one.unfinished_since)
        return std::max<std::chrono::nanoseconds>(*one.unfinished_since + kUnfinishedMax - loop_.now(), 0ns);
    if (one.has_read_much) return kQuiet;
    return std::nullopt;
}

// Nothing came: an unfinished line is to be seen, and then there is time to be small.
void RelayedOutput::be_quiet(Stream stream) {
    Side& one = side(stream);
    if (one.unfinished_since) return reveal(stream);
    one.has_read_much = false;
    give_back_stack();
}

void RelayedOutput::reveal(Stream stream) {
    side(stream).unfinished_since.reset();
    for (auto& sink : sinks_)
        if (sink->takes(stream)) sink->reveal(stream);
    wake_keepers();
}

bool RelayedOutput::has_room(Stream stream) const {
    return std::all_of(sinks_.begin(), sinks_.end(),
                       [&](const auto& sink) { return !sink->takes(stream) || sink->has_room(); });
}

// The sink into which `stream` may be spliced: a pipe, and nobody else wants to see the bytes.
Sink* RelayedOutput::only_pipe(Stream stream) const {
    if (!viewers_.empty()) return nullptr;
    Sink* only = nullptr;
    for (const auto& sink : sinks_) {
        if (!sink->takes(stream)) continue;
        if (only) return nullptr;
        only = sink.get();
    }
    return only && only->splice_fd() >= 0 ? only : nullptr;
}

// ---- reading
// -----------------------------------------------------------------------------------------------------

// read(2) of what poll has announced. False at the end: nothing, or EIO of a terminal whose other side is
// closed. The bytes lie on the stack, where all streams of the process use the same pages.
bool RelayedOutput::read_once(int fd, Stream stream) {
    std::array<std::byte, kReadMax> bytes;
    ssize_t count = ::read(fd, bytes.data(), bytes.size());
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    if (count == 0) return false;
    const auto size = static_cast<std::size_t>(count);
    if (size > kReadLittle) side(stream).has_read_much = true;
    take(stream, std::span(bytes).first(size));
    return true;
}

// From pipe to pipe without touching the bytes. False at the end.
Task<bool> RelayedOutput::splice_once(int fd, Sink& sink, Side& side) {
    co_await poll(loop_, fd, POLLIN);
    int to = sink.splice_fd();
    if (to < 0) co_return true;
    switch (splice_some(fd, to)) {
        case Spliced::end:
            co_return false;
        case Spliced::target_full:
            side.awaits_target = true;
            (void)co_await settled(poll(loop_, to, POLLOUT));
            side.awaits_target = false;
            break;
        case Spliced::impossible:
            side.can_splice = false;
            break;
        case Spliced::some:
        case Spliced::nothing_there:
            break;
    }
    co_return true;
}

Task<void> RelayedOutput::read_to_end(int fd, Stream stream) {
    // However it ends, the keeper must hear of it.
    struct Reading {
        Side& side;
        explicit Reading(Side& s) : side(s) { side.is_read = true; }
        ~Reading() {
            side.is_read = false;
            side.wake.set();
        }
    } reading(side(stream));
    const bool is_pipe = is_fifo(fd);
    for (bool goes_on = true; goes_on;) {
        while (!has_room(stream)) co_await side(stream).room.wait();
        Sink* pipe = is_pipe && side(stream).can_splice ? only_pipe(stream) : nullptr;
        // A sink that drops or spills must not hold up the stream when it is full.
        if (pipe && pipe->options().policy == Policy::block) {
            goes_on = co_await splice_once(fd, *pipe, side(stream));
            continue;
        }
        // Here and not in a task of its own, which would be a frame for every read.
        if (auto wait = timeout_of(stream)) {
            auto events = co_await settled(deadline(poll(loop_, fd, POLLIN), *wait));
            const bool is_late = !events.ok() && events.error().code() == ETIMEDOUT;
            if (!events.ok() && !is_late) co_await fail(std::move(events).error());
            if (is_late) {
                be_quiet(stream);
                continue;
            }
        } else {
            co_await poll(loop_, fd, POLLIN);
        }
        goes_on = read_once(fd, stream);
    }
}

// ---- stalled sinks
// -----------------------------------------------------------------------------------------------

void RelayedOutput::wake_keepers() {
    for (Stream stream : kStreams)
        if (side(stream).is_relayed) side(stream).wake.set();
}

void RelayedOutput::wake_readers() {
    for (Stream stream : kStreams) side(stream).room.set();
}

Task<void> RelayedOutput::until_taken(Sink& sink) {
    while (sink.is_stalled()) {
        int fd = sink.wait_fd();
        if (fd < 0) {
            co_await sleep(loop_, kRetryDelay);
        } else {
            auto events = co_await settled(poll(loop_, fd, POLLOUT));
            if (!events.ok()) co_await sleep(loop_, kBackOff);
        }
        bool has_moved = sink.retry();
        if (has_moved) wake_readers();
        if (!has_moved && fd >= 0 && sink.is_stalled()) co_await sleep(loop_, kBackOff);
    }
}

// Until the sink has nothing left. Only cancelling ends it before.
Task<void> RelayedOutput::pump(Sink& sink) {
    struct Attending {
        Sink& sink;
        ~Attending() { sink.is_attended = false; }
    } attending{sink};
    while (sink.is_stalled()) {
        co_await until_taken(sink);
        bool has_unfinished = false;
        for (Stream stream : kStreams) has_unfinished = has_unfinished || sink.has_unfinished(stream);
        if (!has_unfinished) continue;
        // The reader knows of no line that only now got to where it can be seen.
        co_await sleep(loop_, kUnfinishedMax);
        for (Stream stream : kStreams)
            if (sink.takes(stream)) sink.reveal(stream);
    }
}

void RelayedOutput::attend(Nursery& nursery) {
    for (auto& sink : sinks_) {
        if (!sink->is_stalled() || sink->is_attended) continue;
        sink->is_attended = true;
        nursery.spawn(pump(*sink));
    }
}

Task<void> RelayedOutput::pump_all() {
    Nursery nursery(loop_);
    attend(nursery);
    co_await nursery.join();
}

// ---- the Output
// --------------------------------------------------------------------------------------------------

Task<void> RelayedOutput::relay(int fd, Stream stream) {
    // Whoever goes leaves the sinks it attended to the other stream's keeper.
    struct Relaying {
        RelayedOutput& output;
        Side& side;
        Relaying(RelayedOutput& o, Side& s) : output(o), side(s) {
            URC_CHECK(!side.is_relayed);
            side.is_relayed = true;
        }
        ~Relaying() {
            side.is_relayed = false;
            output.wake_keepers();
        }
    } relaying(*this, side(stream));
    Nursery nursery(loop_);
    side(stream).is_read = true;
    nursery.spawn(read_to_end(fd, stream));
    while (side(stream).is_read) {
        attend(nursery);
        co_await side(stream).wake.wait();
    }
    nursery.cancel();
    co_await nursery.join();
}

Task<void> RelayedOutput::drain(int fd, Stream stream) {
    // A grandchild that goes on writing gets no more than what was there: a pipe says how much that is.
    int there = 0;
    bool is_known = ::ioctl(fd, FIONREAD, &there) == 0;
    constexpr int kUnknownMax = 64 << 10;
    for (int left = is_known && there > 0 ? there : kUnknownMax; left > 0 && has_input(fd);) {
        std::array<std::byte, 16 << 10> bytes;
        ssize_t count =
            ::read(fd, bytes.data(), std::min<std::size_t>(bytes.size(), static_cast<unsigned>(left)));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        take(stream, std::span(bytes).first(static_cast<std::size_t>(count)));
        left -= static_cast<int>(count);
    }
    co_return;
}

Task<void> RelayedOutput::finish(std::chrono::nanoseconds bound) {
    for (auto& sink : sinks_) sink->close();
    bool has_stalled =
        std::any_of(sinks_.begin(), sinks_.end(), [](const auto& s) { return s->is_stalled(); });
    if (has_stalled) (void)co_await settled(within(loop_, bound, pump_all()));
    for (auto& sink : sinks_) sink->abandon();
}

}  // namespace

Result<std::unique_ptr<Output>> Output::open(Loop& loop, const OutputOptions& options) {
    auto output = std::make_unique<RelayedOutput>(loop, options.files);
    URC_TRY_VOID(output->open_sinks(options));
    return std::unique_ptr<Output>(std::move(output));
}

}  // namespace urc::relay
