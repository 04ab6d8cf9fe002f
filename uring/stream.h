// Stream: one multishot request, consumed as `co_await stream.next()`.
//
//   AcceptStream connections(loop, listener.get());
//   for (;;) {
//       Fd connection = co_await connections.next();
//       nursery.spawn(serve(loop, std::move(connection)));
//   }
//
//   kernel --CQE, CQE, CQE (F_MORE)--> queue --next()--> task
//             `-- without F_MORE the request has ended: the next next() arms it again
//
// The kernel does not wait for next(), so completions queue up here. Above kQueuedMax the request is
// cancelled (the listen backlog or the socket buffer then holds the rest) and armed again when the queue is
// empty. No buffer left (ENOBUFS): wait for one to be given back. A kernel without the multishot form gets
// single requests.
//
// Before the frame of a Stream is left by co_return, `co_await stream.close()`: the request must have ended.
// A task that ends by an Error does it by itself.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <utility>
#include <vector>

#include "uring/buffer_ring.h"
#include "uring/fd.h"
#include "uring/loop.h"

namespace urc {

struct StreamItem {
    int result = 0;
    std::uint32_t flags = 0;
};

// First in, first out; allocates only for a burst.
class StreamQueue {
public:
    std::size_t size() const noexcept { return count_; }
    void push(StreamItem item);
    StreamItem pop() noexcept;

private:
    static constexpr std::size_t kInline = 16;
    std::span<StreamItem> slots() noexcept { return more_.empty() ? std::span(few_) : std::span(more_); }

    std::array<StreamItem, kInline> few_;
    std::vector<StreamItem> more_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

class StreamBase : public Operation, protected Drain {
public:
    static constexpr std::size_t kQueuedMax = 64;

    void reaped(Part part, int result, std::uint32_t flags) noexcept override;
    void run() override;
    void request_cancel() noexcept override;

    // Cancels the request and waits for its last completion. What was queued is discarded.
    class Close {
    public:
        explicit Close(StreamBase& stream) noexcept : stream_(stream) {}
        Close(const Close&) = delete;
        Close& operator=(const Close&) = delete;
        bool await_ready() const noexcept { return false; }
        template <typename P>
        bool await_suspend(std::coroutine_handle<P> task) noexcept {
            return !stream_.drain(task.promise());
        }
        void await_resume() const noexcept {}

    private:
        StreamBase& stream_;
    };
    [[nodiscard]] Close close() noexcept { return Close(*this); }

protected:
    // `buffers` may be nullptr: for streams whose items carry no bytes.
    StreamBase(Loop& loop, BufferRing* buffers) noexcept
        : Operation(loop), Drain(loop.current()), buffers_(buffers) {}
    ~StreamBase() = default;

    bool begin_next(PromiseBase& task, Settling settling, StreamItem& into);
    Error item_error(const StreamItem& item) const { return Error(-item.result, step()); }

    bool drain(PromiseBase& task) noexcept override;

    StreamQueue queue_;
    bool is_multishot_ = true;

private:
    void arm() noexcept;
    void deliver(StreamItem item);

    BufferRing* buffers_;
    PromiseBase* waiting_ = nullptr;
    PromiseBase* draining_ = nullptr;
    StreamItem* into_ = nullptr;
    Settling next_settling_ = Settling::ends_task;
    bool is_waiter_cancelled_ = false;
    bool is_starved_ = false;
    bool has_answered_ = false;
};

// T Derived::make(StreamItem) turns a successful item into a value; Derived's destructor calls discard().
template <typename Derived, typename T>
class Stream : public StreamBase {
public:
    class [[nodiscard]] Next {
    public:
        explicit Next(Stream& stream) noexcept : stream_(stream) {}
        Next(const Next&) = delete;
        Next& operator=(const Next&) = delete;
        bool await_ready() const noexcept { return false; }
        template <typename P>
        bool await_suspend(std::coroutine_handle<P> task) {
            return begin(task.promise(), Settling::ends_task);
        }
        T await_resume() { return take(); }

        bool begin(PromiseBase& task, Settling settling) { return stream_.begin_next(task, settling, item_); }
        bool failed() const noexcept { return item_.result < 0; }
        Error error() const { return stream_.item_error(item_); }
        T take() { return static_cast<Derived&>(stream_).make(item_); }

    private:
        Stream& stream_;
        StreamItem item_;
    };
    Next next() noexcept { return Next(*this); }

protected:
    using StreamBase::StreamBase;

    void discard() noexcept {
        while (queue_.size() > 0) {
            StreamItem item = queue_.pop();
            if (item.result >= 0) (void)static_cast<Derived&>(*this).make(item);
        }
    }
};

// Connections of a listening socket, close-on-exec.
class AcceptStream final : public Stream<AcceptStream, Fd> {
public:
    AcceptStream(Loop& loop, int listener) noexcept : Stream(loop, nullptr), fd_(listener) {}
    ~AcceptStream() { discard(); }
    Fd make(StreamItem item) noexcept { return Fd(item.result); }

private:
    void prepare(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_accept(&sqe, fd_, nullptr, nullptr, SOCK_CLOEXEC);
        if (is_multishot_) sqe.ioprio |= IORING_ACCEPT_MULTISHOT;
    }
    const char* step() const noexcept override { return "accept"; }
    int fd_;
};

// What a socket receives, in buffers of `buffers`. An empty lease: the peer has closed.
class RecvStream final : public Stream<RecvStream, BufferLease> {
public:
    RecvStream(Loop& loop, int socket, BufferRing& buffers) noexcept
        : Stream(loop, &buffers), fd_(socket), ring_(buffers) {}
    ~RecvStream() { discard(); }
    BufferLease make(StreamItem item) noexcept { return ring_.lease(item.result, item.flags); }

private:
    void prepare(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_recv(&sqe, fd_, nullptr, 0, 0);
        if (is_multishot_) sqe.ioprio |= IORING_RECV_MULTISHOT;
        sqe.flags |= static_cast<std::uint8_t>(IOSQE_BUFFER_SELECT);
        sqe.buf_group = ring_.group();
    }
    const char* step() const noexcept override { return "recv"; }
    int fd_;
    BufferRing& ring_;
};

// Events of a descriptor, again and again: one item for each wake-up, not one for each byte.
class PollStream final : public Stream<PollStream, unsigned> {
public:
    PollStream(Loop& loop, int fd, unsigned events) noexcept
        : Stream(loop, nullptr), fd_(fd), events_(events) {}
    unsigned make(StreamItem item) noexcept { return static_cast<unsigned>(item.result); }

private:
    void prepare(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_poll_add(&sqe, fd_, events_);
        if (is_multishot_) sqe.len = IORING_POLL_ADD_MULTI;
    }
    const char* step() const noexcept override { return "poll"; }
    int fd_;
    unsigned events_;
};

}  // namespace urc
