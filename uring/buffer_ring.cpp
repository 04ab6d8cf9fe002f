#include "uring/buffer_ring.h"

#include <bit>

namespace urc {
namespace {

std::size_t ring_size(const BufferRingOptions& options) {
    constexpr std::size_t kPage = 4096;
    return (options.count * sizeof(io_uring_buf) + kPage - 1) / kPage * kPage;
}

}  // namespace

Result<std::unique_ptr<BufferRing>> BufferRing::create(Loop& loop, const BufferRingOptions& options) {
    URC_CHECK(std::has_single_bit(options.count) && options.size > 0);
    std::size_t size = ring_size(options) + std::size_t{options.count} * options.size;
    URC_TRY(Mapping memory, Mapping::anonymous(size));
    std::unique_ptr<BufferRing> ring(
        new BufferRing(loop, options, loop.next_buffer_group(), std::move(memory)));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring->memory_.data());
    registration.ring_entries = options.count;
    registration.bgid = ring->group_;
    URC_TRY_VOID(loop.backend().add_buffer_ring(registration));
    ring->is_registered_ = true;
    return ring;
}

BufferRing::BufferRing(Loop& loop, const BufferRingOptions& options, std::uint16_t group,
                       Mapping memory) noexcept
    : loop_(loop),
      options_(options),
      group_(group),
      memory_(std::move(memory)),
      free_(static_cast<io_uring_buf_ring*>(memory_.data())) {
    io_uring_buf_ring_init(free_);
    leased_ = options.count;
    for (std::uint16_t number = 0; number < options.count; ++number) give_back(number);
}

BufferRing::~BufferRing() {
    URC_CHECK(leased_ == 0 && starving_.empty());
    if (is_registered_) loop_.backend().remove_buffer_ring(group_);
}

std::span<std::byte> BufferRing::buffer(std::uint16_t number) const noexcept {
    auto* first = static_cast<std::byte*>(memory_.data()) + ring_size(options_);
    return {first + std::size_t{number} * options_.size, options_.size};
}

BufferLease BufferRing::lease(int result, std::uint32_t flags) noexcept {
    if (!(flags & IORING_CQE_F_BUFFER)) return {};
    auto number = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
    URC_CHECK(number < options_.count && result >= 0 && static_cast<std::uint32_t>(result) <= options_.size);
    return BufferLease(*this, buffer(number).first(static_cast<std::size_t>(result)), number);
}

void BufferRing::give_back(std::uint16_t number) noexcept {
    std::span<std::byte> bytes = buffer(number);
    io_uring_buf_ring_add(free_, bytes.data(), options_.size, number, options_.count - 1, 0);
    io_uring_buf_ring_advance(free_, 1);
    --leased_;
    wake();
}

void BufferRing::wait_for_buffer(Ready& entry) noexcept {
    starving_.push(entry);
}

}  // namespace urc
