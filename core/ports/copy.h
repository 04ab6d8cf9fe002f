// Flow: the bytes of one connection in one direction, from a socket to a socket.
//
// Short reads are copied by way of one buffer that all flows of a loop share: it is written at once, and only
// what the receiver does not take is kept by the flow. So an idle connection holds neither buffer nor pipe.
// After kFullReads reads in a row that filled half the buffer it is bulk, and splice(2) through a pipe moves
// pages instead of bytes, until kShortReads in a row have brought little. The pipe is the pool's, and the
// flow's only as long as there is something in it.
//
//                          +-- short read --> shared buffer --> send --> (rest kept until POLLOUT)
//   POLLIN --> advance() --+
//                          +-- bulk ------> pipe of the pool --> socket
//                          |
//                          +-- end ------> shutdown(SHUT_WR) of the receiver, once all is sent
//
// Both calls are made directly when the socket is ready; in a ring, splice would need a worker thread. Each
// turn has a budget, so that one fast flow does not keep the others waiting. recv(2), send(2), splice(2).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/ports/descriptors.h"
#include "uring/fd.h"

namespace urc::ports {

// The calls that move bytes: the kernel's, or those of a simulation. None waits; a negative errno for an
// error.
class CopyCalls {
public:
    virtual ssize_t receive(int socket, std::span<std::byte> into) noexcept = 0;
    virtual ssize_t send(int socket, std::span<const std::byte> bytes) noexcept = 0;
    // 0: the sender has closed.
    virtual ssize_t splice_in(int socket, int pipe, std::size_t size) noexcept = 0;
    virtual ssize_t splice_out(int pipe, int socket, std::size_t size) noexcept = 0;
    virtual int end_writing(int socket) noexcept = 0;
    // Before a socket is spliced from for the first time: splice(2) knows no other way not to wait for one.
    virtual void set_nonblocking(int socket) noexcept = 0;

protected:
    ~CopyCalls() = default;
};

// The kernel's.
CopyCalls& kernel_calls() noexcept;

struct Pipe {
    Fd read, write;
    std::size_t size = 0;
};

// Empty pipes of a large size. Their number is bounded: the kernel pins the memory of a user without
// privileges (fs.pipe-user-pages-soft), and what is left over keeps two descriptors.
class PipePool {
public:
    static constexpr std::size_t kPipeSize = 1 << 20;
    static constexpr std::size_t kPipesMax = 64;
    static constexpr std::size_t kIdleMax = 16;
    // A pipe that may not grow is no better than the buffer.
    static constexpr std::size_t kPipeSizeMin = 1 << 18;

    explicit PipePool(Descriptors& descriptors) noexcept : descriptors_(descriptors) {}
    PipePool(const PipePool&) = delete;
    PipePool& operator=(const PipePool&) = delete;
    ~PipePool();

    // nullptr: there is none to be had now; then copy.
    std::unique_ptr<Pipe> take();
    void give_back(std::unique_ptr<Pipe> pipe) noexcept;  // an empty one
    void drop_idle() noexcept;
    void discard(std::unique_ptr<Pipe> pipe) noexcept;  // one with something in it

private:
    Descriptors& descriptors_;
    std::vector<std::unique_ptr<Pipe>> idle_;
    std::size_t made_ = 0;
    // What the kernel has refused once is not asked for with every bulk flow.
    std::size_t max_ = kPipesMax;
};

// What all flows of a loop share.
struct CopyShared {
    static constexpr std::size_t kBufferSize = 64 << 10;

    CopyShared(CopyCalls& copy_calls, Descriptors& descriptors) noexcept
        : calls(copy_calls), pipes(descriptors) {}

    CopyCalls& calls;
    PipePool pipes;
    std::array<std::byte, kBufferSize> buffer;
};

class Flow {
public:
    // Bytes read in one turn, give or take one read.
    static constexpr std::size_t kTurnBytes = 256 << 10;
    // A read of this much is one of a bulk flow: less than the buffer takes, and than one segment with its
    // offloads, of which there is often just one.
    static constexpr std::size_t kBulkRead = CopyShared::kBufferSize / 2;
    static constexpr unsigned kFullReads = 4;
    static constexpr unsigned kShortReads = 16;

    enum class State : std::uint8_t {
        reads,     // until the sender has something: POLLIN
        writes,    // until the receiver takes more: POLLOUT
        pauses,    // its turn is over; both may be ready
        ended,     // the sender has closed, all is sent, the receiver has been told
        from_bad,  // error() came from the sender's socket: nothing more will come
        to_bad,    // error() came from the receiver's socket: nothing more will be taken
    };

    Flow() noexcept = default;
    Flow(const Flow&) = delete;
    Flow& operator=(const Flow&) = delete;

    // What goes out ahead of the first byte. Before the first advance().
    void put_first(std::span<const std::byte> bytes) { rest_.assign(bytes.begin(), bytes.end()); }

    // Who is reset rather than ended gets no end of ours before.
    void keep_end_to_itself() noexcept { tells_end_ = false; }

    // Whether the sender is known to have closed or failed (POLLRDHUP, POLLHUP, POLLERR).
    enum class Sender : bool { goes_on, has_closed };

    // As far as it goes in one turn. Not again after one of the last three states.
    State advance(CopyShared& shared, int from, int to, Sender sender);

    State state() const noexcept { return state_; }
    bool is_over() const noexcept { return state_ >= State::ended; }
    int error() const noexcept { return error_; }
    // What has gone out.
    std::uint64_t bytes() const noexcept { return bytes_; }

    // Gives back what it holds; before it is destroyed.
    void release(CopyShared& shared) noexcept;

private:
    State read(CopyShared& shared, int from, int to);
    State read_by_pipe(CopyShared& shared, int from, int to);
    State write_rest(CopyShared& shared, int to);
    State write_pipe(CopyShared& shared, int to);
    State end(CopyShared& shared, int to) noexcept;
    State bad(State state, ssize_t result) noexcept;

    std::uint64_t bytes_ = 0;
    std::vector<std::byte> rest_;  // read and not taken yet
    std::size_t rest_sent_ = 0;
    std::unique_ptr<Pipe> pipe_;
    std::size_t in_pipe_ = 0;
    std::size_t turn_ = 0;  // read in this one
    int error_ = 0;
    std::uint8_t reads_ = 0;  // in a row: full ones, or short ones of a bulk flow
    State state_ = State::reads;
    bool is_bulk_ = false;
    bool has_emptied_ = false;  // the last read has taken all there was
    bool has_ended_ = false;    // the sender has
    bool tells_end_ = true;
    bool is_nonblocking_ = false;
};

}  // namespace urc::ports
