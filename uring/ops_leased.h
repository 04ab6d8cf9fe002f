// read_leased: one read into a buffer that the kernel picks from a BufferRing when there is something to
// read.
//
//   BufferLease lease = co_await read_leased(loop, pipe, buffers);    // empty: the end
//
// For many pipes that say something now and then: who waits holds no buffer, so a few of them serve a
// thousand. One request a read: with pipes, a multishot read was slower. No buffer left (ENOBUFS): waits for
// one to be given back, as RecvStream does. Not for terminals and regular files (ops_file.h says why).
#pragma once

#include <poll.h>

#include "uring/buffer_ring.h"
#include "uring/ops_file.h"

namespace urc {

class [[nodiscard]] ReadLeased final : public Awaitable<ReadLeased, FdOperation> {
public:
    ReadLeased(Loop& loop, int fd, BufferRing& buffers) noexcept
        : Awaitable(loop, fd, POLLIN), buffers_(buffers) {}
    BufferLease take() noexcept { return buffers_.lease(result_, flags_); }

    void reaped(Part part, int result, std::uint32_t flags) noexcept override {
        if (part == kOwn) {
            buffers_.note_taken(flags);
            flags_ = flags;
        }
        Operation::reaped(part, result, flags);
    }
    // Also run by the buffer that comes back, and then nothing is pending.
    void run() override {
        bool is_starved = pending_ == 0 && result_ == -ENOBUFS && !is_cancel_requested_;
        if (is_starved && buffers_.is_empty()) return buffers_.wait_for_buffer(*this);
        Operation::run();
    }
    void request_cancel() noexcept override {
        Operation::request_cancel();
        if (pending_ != 0) return;
        // In the list of those who wait for a buffer, or on its way out of it.
        buffers_.wake();
        loop_.make_ready(*this);
    }

private:
    void prepare_call(io_uring_sqe& sqe) noexcept override {
        io_uring_prep_read(&sqe, fd_, nullptr, transfer_size(kTransferMax),
                           ~0ULL);  // the buffer says how much
        sqe.flags |= static_cast<std::uint8_t>(IOSQE_BUFFER_SELECT);
        sqe.buf_group = buffers_.group();
    }
    bool again_call(int& result) noexcept override { return result == -EINTR || result == -ENOBUFS; }
    const char* step() const noexcept override { return "read"; }

    BufferRing& buffers_;
    std::uint32_t flags_ = 0;
};

// At most one buffer's bytes; an empty lease at the end. Give it back before the next one is waited for.
inline ReadLeased read_leased(Loop& loop, int fd, BufferRing& buffers) noexcept {
    return ReadLeased(loop, fd, buffers);
}

}  // namespace urc
