// Ring: the Backend on io_uring(7).
//
// The ring is born close-on-exec and is not inherited by fork (madvise DONTFORK), so a container's child can
// never touch it. Set-up flags are asked for from best to plainest; what the kernel lacks is left out:
// SINGLE_ISSUER + DEFER_TASKRUN (completions are worked off only when we wait, on our thread), then
// COOP_TASKRUN, then none. With SINGLE_ISSUER the thread that creates the ring is the only one to use it.
#pragma once

#include <bitset>
#include <memory>

#include "uring/backend.h"

namespace urc {

struct RingOptions {
    // Requests per submit; more are submitted in several goes. Clamped by the kernel.
    unsigned requests = 128;
    // Completions the kernel can post before it has to set some aside (slower, never lost).
    unsigned completions = 512;
    // Set-up flags not to ask for although the kernel may have them (IORING_SETUP_*).
    unsigned without_flags = 0;
    // Opcodes that supports() shall deny although the kernel may have them: lets tests walk the fallbacks.
    std::bitset<256> without_opcodes;
};

class Ring final : public Backend {
public:
    // EPERM or ENOSYS where io_uring is switched off.
    static Result<std::unique_ptr<Ring>> create(const RingOptions& options = RingOptions());
    ~Ring() override;

    const char* name() const noexcept override { return "io_uring"; }
    bool has_room(unsigned count) const noexcept override;
    io_uring_sqe& next() noexcept override;
    int submit() noexcept override;
    int wait() noexcept override;
    std::size_t reap(std::span<Completion> into) noexcept override;
    bool supports(unsigned opcode) const noexcept override { return opcodes_.test(opcode & 255); }
    std::chrono::nanoseconds now() const noexcept override;
    Result<void> add_buffer_ring(const io_uring_buf_reg& ring) override;
    void remove_buffer_ring(std::uint16_t group) noexcept override;

    int fd() const noexcept { return ring_.ring_fd; }
    // The IORING_SETUP_* flags in use.
    unsigned flags() const noexcept { return ring_.flags; }

private:
    Ring() = default;
    Result<void> probe(const RingOptions& options);

    io_uring ring_{};
    std::bitset<256> opcodes_;
    bool is_open_ = false;
};

}  // namespace urc
