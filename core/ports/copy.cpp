#include "core/ports/copy.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "uring/check.h"

namespace urc::ports {

namespace {

template <typename Call>
ssize_t until_not_interrupted(Call call) noexcept {
    for (;;) {
        const ssize_t result = call();
        if (result >= 0) return result;
        if (errno != EINTR) return -errno;
    }
}

class KernelCalls final : public CopyCalls {
public:
    ssize_t receive(int socket, std::span<std::byte> into) noexcept override {
        return until_not_interrupted([&] { return ::recv(socket, into.data(), into.size(), MSG_DONTWAIT); });
    }
    ssize_t send(int socket, std::span<const std::byte> bytes) noexcept override {
        return until_not_interrupted(
            [&] { return ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL); });
    }
    ssize_t splice_in(int socket, int pipe, std::size_t size) noexcept override {
        return until_not_interrupted([&] {
            return ::splice(socket, nullptr, pipe, nullptr, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        });
    }
    ssize_t splice_out(int pipe, int socket, std::size_t size) noexcept override {
        return splice_in(pipe, socket, size);
    }
    int end_writing(int socket) noexcept override { return ::shutdown(socket, SHUT_WR) < 0 ? -errno : 0; }
    void set_nonblocking(int socket) noexcept override {
        const int flags = ::fcntl(socket, F_GETFL);
        if (!(flags & O_NONBLOCK)) (void)::fcntl(socket, F_SETFL, flags | O_NONBLOCK);
    }
};

bool must_wait(ssize_t result) noexcept {
    return result == -EAGAIN;
}

}  // namespace

CopyCalls& kernel_calls() noexcept {
    static KernelCalls calls;
    return calls;
}

// ---- pipes ---------------------------------------------------------------------------------------

PipePool::~PipePool() {
    URC_CHECK(made_ == idle_.size());
    descriptors_.give_back(2 * made_);
}

std::unique_ptr<Pipe> PipePool::take() {
    if (!idle_.empty()) {
        auto pipe = std::move(idle_.back());
        idle_.pop_back();
        return pipe;
    }
    if (made_ >= max_ || !descriptors_.take(2)) return nullptr;
    int ends[2];
    auto pipe = std::make_unique<Pipe>();
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
        pipe->read = Fd(ends[0]);
        pipe->write = Fd(ends[1]);
        const int size = ::fcntl(pipe->write.get(), F_SETPIPE_SZ, kPipeSize);
        pipe->size = static_cast<std::size_t>(std::max(0, size < 0 ? ::fcntl(ends[1], F_GETPIPE_SZ) : size));
    }
    if (pipe->size < kPipeSizeMin) {
        max_ = made_;
        descriptors_.give_back(2);
        return nullptr;
    }
    ++made_;
    return pipe;
}

void PipePool::give_back(std::unique_ptr<Pipe> pipe) noexcept {
    if (idle_.size() >= kIdleMax) return discard(std::move(pipe));
    idle_.push_back(std::move(pipe));
}

void PipePool::discard(std::unique_ptr<Pipe> pipe) noexcept {
    pipe.reset();
    --made_;
    descriptors_.give_back(2);
}

void PipePool::drop_idle() noexcept {
    while (!idle_.empty()) {
        auto pipe = std::move(idle_.back());
        idle_.pop_back();
        discard(std::move(pipe));
    }
}

// ---- flow ----------------------------------------------------------------------------------------

Flow::State Flow::bad(State state, ssize_t result) noexcept {
    error_ = static_cast<int>(-result);
    return state;
}

void Flow::release(CopyShared& shared) noexcept {
    if (pipe_ && in_pipe_ == 0) shared.pipes.give_back(std::move(pipe_));
    if (pipe_) shared.pipes.discard(std::move(pipe_));
    rest_ = {};
}

Flow::State Flow::advance(CopyShared& shared, int from, int to, Sender sender) {
    URC_CHECK(!is_over());
    turn_ = 0;
    do {
        state_ = State::reads;
        if (!rest_.empty()) state_ = write_rest(shared, to);
        if (state_ == State::reads && in_pipe_ > 0) state_ = write_pipe(shared, to);
        if (state_ != State::reads) break;
        if (has_ended_) {
            state_ = end(shared, to);
        } else if (turn_ >= kTurnBytes) {
            state_ = State::pauses;
        } else {
            state_ = is_bulk_ ? read_by_pipe(shared, from, to) : read(shared, from, to);
            // The end is no byte, and does not show in how many there were.
            const bool is_all = has_emptied_ && sender == Sender::goes_on;
            if (state_ == State::pauses && is_all) state_ = State::reads;
        }
    } while (state_ == State::pauses && turn_ < kTurnBytes);
    if (is_over()) release(shared);
    if (pipe_ && in_pipe_ == 0) shared.pipes.give_back(std::move(pipe_));
    return state_;
}

Flow::State Flow::end(CopyShared& shared, int to) noexcept {
    if (!tells_end_) return State::ended;
    const int result = shared.calls.end_writing(to);
    return result == 0 ? State::ended : bad(State::to_bad, result);
}

// `pauses`, in what follows: something has been read, go on.
Flow::State Flow::read(CopyShared& shared, int from, int to) {
    const ssize_t count = shared.calls.receive(from, shared.buffer);
    has_emptied_ = false;
    if (must_wait(count)) return State::reads;
    if (count < 0) return bad(State::from_bad, count);
    if (count == 0) {
        has_ended_ = true;
        return State::pauses;
    }
    const auto size = static_cast<std::size_t>(count);
    const auto bytes = std::span<const std::byte>(shared.buffer).first(size);
    const ssize_t sent = shared.calls.send(to, bytes);
    if (sent < 0 && !must_wait(sent)) return bad(State::to_bad, sent);
    const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    bytes_ += taken;
    turn_ += size;
    // Less than there was room for was all; recv(2) takes whatever there is.
    has_emptied_ = size < CopyShared::kBufferSize;
    reads_ = size < kBulkRead ? std::uint8_t{0} : static_cast<std::uint8_t>(reads_ + 1);
    if (reads_ == kFullReads) {
        is_bulk_ = true;
        reads_ = 0;
    }
    if (taken == size) return State::pauses;
    rest_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
    return State::writes;
}

Flow::State Flow::read_by_pipe(CopyShared& shared, int from, int to) {
    if (!pipe_) pipe_ = shared.pipes.take();
    if (!pipe_) return read(shared, from, to);
    if (!std::exchange(is_nonblocking_, true)) {
        shared.calls.set_nonblocking(from);
        shared.calls.set_nonblocking(to);
    }
    // However little it brings: a pipe is also full when each of its places holds a few bytes.
    const ssize_t count = shared.calls.splice_in(from, pipe_->write.get(), pipe_->size);
    has_emptied_ = false;
    if (must_wait(count)) return State::reads;
    if (count < 0) return bad(State::from_bad, count);
    if (count == 0) {
        has_ended_ = true;
        return State::pauses;
    }
    in_pipe_ = static_cast<std::size_t>(count);
    turn_ += in_pipe_;
    reads_ = in_pipe_ < kBulkRead ? static_cast<std::uint8_t>(reads_ + 1) : std::uint8_t{0};
    if (reads_ == kShortReads) {
        is_bulk_ = false;
        reads_ = 0;
    }
    return State::pauses;
}

Flow::State Flow::write_rest(CopyShared& shared, int to) {
    while (rest_sent_ < rest_.size()) {
        const ssize_t sent = shared.calls.send(to, std::span<const std::byte>(rest_).subspan(rest_sent_));
        if (must_wait(sent)) return State::writes;
        if (sent < 0) return bad(State::to_bad, sent);
        rest_sent_ += static_cast<std::size_t>(sent);
        bytes_ += static_cast<std::size_t>(sent);
    }
    rest_ = {};
    rest_sent_ = 0;
    return State::reads;
}

Flow::State Flow::write_pipe(CopyShared& shared, int to) {
    while (in_pipe_ > 0) {
        const ssize_t sent = shared.calls.splice_out(pipe_->read.get(), to, in_pipe_);
        if (must_wait(sent)) return State::writes;
        if (sent < 0) return bad(State::to_bad, sent);
        // The pipe does not hold what it should: better an error than for ever.
        if (sent == 0) return bad(State::to_bad, -EIO);
        in_pipe_ -= static_cast<std::size_t>(sent);
        bytes_ += static_cast<std::size_t>(sent);
    }
    return State::reads;
}

}  // namespace urc::ports
