// BufferRing: buffers that the kernel picks from when data is there, so that a thousand idle connections
// need no buffer at all (IORING_REGISTER_PBUF_RING).
//
//   ring of free buffers --kernel takes one--> completion with its number --> BufferLease --destructor-->
//   ring
//
// None left: the receiver gets ENOBUFS, its Stream waits here, and the next lease that is given back wakes
// it. That is back-pressure, not an error; but a task that holds all leases and waits for more waits for
// itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "uring/loop.h"
#include "uring/mapping.h"

namespace urc {

class BufferRing;

// One buffer's bytes, until the lease is destroyed. An empty lease means the end of the stream.
class [[nodiscard]] BufferLease {
public:
    BufferLease() noexcept = default;
    BufferLease(BufferLease&& other) noexcept
        : ring_(std::exchange(other.ring_, nullptr)),
          bytes_(std::exchange(other.bytes_, {})),
          number_(other.number_) {}
    BufferLease& operator=(BufferLease&& other) noexcept {
        std::swap(ring_, other.ring_);
        std::swap(bytes_, other.bytes_);
        std::swap(number_, other.number_);
        return *this;
    }
    inline ~BufferLease();

    std::span<std::byte> bytes() const noexcept { return bytes_; }
    bool empty() const noexcept { return bytes_.empty(); }

private:
    friend class BufferRing;
    BufferLease(BufferRing& ring, std::span<std::byte> bytes, std::uint16_t number) noexcept
        : ring_(&ring), bytes_(bytes), number_(number) {}

    BufferRing* ring_ = nullptr;
    std::span<std::byte> bytes_;
    std::uint16_t number_ = 0;
};

struct BufferRingOptions {
    std::uint16_t count = 64;  // a power of two
    std::uint32_t size = 4096;
};

class BufferRing {
public:
    static Result<std::unique_ptr<BufferRing>> create(Loop& loop, const BufferRingOptions& options);
    BufferRing(const BufferRing&) = delete;
    BufferRing& operator=(const BufferRing&) = delete;
    ~BufferRing();

    std::uint16_t group() const noexcept { return group_; }
    // Buffers that the kernel has handed out and that have not come back.
    std::size_t leased() const noexcept { return leased_; }
    bool is_empty() const noexcept { return leased_ == options_.count; }

    // A completion with IORING_CQE_F_BUFFER in `flags` has come in; counted at once, whoever looks at it
    // later.
    void note_taken(std::uint32_t flags) noexcept {
        if (flags & IORING_CQE_F_BUFFER) ++leased_;
    }
    // The bytes of a noted completion.
    BufferLease lease(int result, std::uint32_t flags) noexcept;

    // Runs `entry` when a buffer has come back.
    void wait_for_buffer(Ready& entry) noexcept;
    // Runs all who wait, buffer or not.
    void wake() noexcept { loop_.make_ready(starving_); }

private:
    friend class BufferLease;

    BufferRing(Loop& loop, const BufferRingOptions& options, std::uint16_t group, Mapping memory) noexcept;
    void give_back(std::uint16_t number) noexcept;
    std::span<std::byte> buffer(std::uint16_t number) const noexcept;

    Loop& loop_;
    BufferRingOptions options_;
    std::uint16_t group_;
    bool is_registered_ = false;
    Mapping memory_;  // the ring of free buffers, then the buffers
    io_uring_buf_ring* free_;
    std::size_t leased_ = 0;
    ReadyList starving_;
};

BufferLease::~BufferLease() {
    if (ring_) ring_->give_back(number_);
}

}  // namespace urc
