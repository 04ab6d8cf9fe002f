#include "uring/ring.h"

#include <time.h>

#include <array>
#include <cstring>
#include <string_view>

namespace urc {
namespace {

constexpr unsigned kAlways = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
constexpr unsigned kBest = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
constexpr unsigned kGood = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN;

Error refused(int code) {
    std::string_view why;
    if (code == EPERM || code == EACCES) why = "switched off (kernel.io_uring_disabled, or a seccomp filter)";
    if (code == ENOSYS) why = "not in this kernel (or hidden by a seccomp filter)";
    if (code == ENOMEM) why = "no memory (RLIMIT_MEMLOCK?)";
    return Error(code, "io_uring_setup", why);
}

}  // namespace

Result<std::unique_ptr<Ring>> Ring::create(const RingOptions& options) {
    std::unique_ptr<Ring> ring(new Ring);
    int result = -EINVAL;
    for (unsigned wanted : {kBest, kGood, 0U}) {
        if (wanted & options.without_flags) continue;
        io_uring_params params{};
        params.flags = kAlways | wanted;
        params.cq_entries = options.completions < options.requests ? options.requests : options.completions;
        result = io_uring_queue_init_params(options.requests, &ring->ring_, &params);
        // EINVAL: a flag this kernel does not know.
        if (result != -EINVAL) break;
    }
    if (result < 0) return refused(-result);
    ring->is_open_ = true;
    URC_TRY_VOID(ring->probe(options));
    return ring;
}

Result<void> Ring::probe(const RingOptions& options) {
    // Without NODROP a completion that finds the queue full is lost, and its task would wait for ever.
    if (!(ring_.features & IORING_FEAT_NODROP)) {
        return Error::message("io_uring_setup: this kernel drops completions (before 5.5)", ENOSYS);
    }
    if (int result = io_uring_ring_dontfork(&ring_); result < 0) return Error(-result, "madvise", "io_uring");
    // Saves looking up the descriptor on each enter. Older kernels cannot; nothing else changes.
    (void)io_uring_register_ring_fd(&ring_);

    // io_uring_get_probe_ring would malloc; 256 entries are all an SQE can name.
    constexpr unsigned kOps = 256;
    alignas(io_uring_probe) std::array<char, sizeof(io_uring_probe) + kOps * sizeof(io_uring_probe_op)>
        buffer{};
    auto* answer = reinterpret_cast<io_uring_probe*>(buffer.data());
    if (int result = io_uring_register_probe(&ring_, answer, kOps); result < 0) {
        return Error(-result, "io_uring_register", "probe");
    }
    for (unsigned op = 0; op < answer->ops_len; ++op) {
        if (answer->ops[op].flags & IO_URING_OP_SUPPORTED) opcodes_.set(answer->ops[op].op);
    }
    opcodes_ &= ~options.without_opcodes;
    return {};
}

Ring::~Ring() {
    if (is_open_) io_uring_queue_exit(&ring_);
}

bool Ring::has_room(unsigned count) const noexcept {
    return io_uring_sq_space_left(&ring_) >= count;
}

io_uring_sqe& Ring::next() noexcept {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    URC_CHECK(sqe != nullptr);
    return *sqe;
}

int Ring::submit() noexcept {
    return io_uring_submit_and_get_events(&ring_);
}

int Ring::wait() noexcept {
    return io_uring_submit_and_wait(&ring_, 1);
}

std::size_t Ring::reap(std::span<Completion> into) noexcept {
    std::size_t count = 0;
    unsigned head;
    io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring_, head, cqe) {
        if (count == into.size()) break;
        into[count++] = {cqe->user_data, cqe->res, cqe->flags};
    }
    io_uring_cq_advance(&ring_, static_cast<unsigned>(count));
    // Completions that found the queue full wait inside the kernel; now there is room for them.
    if (count < into.size() && io_uring_cq_has_overflow(&ring_) && io_uring_get_events(&ring_) >= 0 &&
        io_uring_cq_ready(&ring_) > 0) {
        count += reap(into.subspan(count));
    }
    return count;
}

std::chrono::nanoseconds Ring::now() const noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

Result<void> Ring::add_buffer_ring(const io_uring_buf_reg& ring) {
    io_uring_buf_reg copy = ring;
    int result = io_uring_register_buf_ring(&ring_, &copy, 0);
    if (result < 0) return Error(-result, "io_uring_register", "buffer ring");
    return {};
}

void Ring::remove_buffer_ring(std::uint16_t group) noexcept {
    io_uring_unregister_buf_ring(&ring_, group);
}

}  // namespace urc
