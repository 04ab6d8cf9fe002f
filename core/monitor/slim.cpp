#include "core/monitor/slim.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>

namespace urc::monitor {

namespace {

constexpr std::uintptr_t kPage = 4096;
// Deeper than any call of urc goes, and less than the kernel keeps free of mappings below a stack (128 MiB).
constexpr std::uintptr_t kStackMax = 1 << 20;

// Pages below this frame, but for those that this function and madvise(2) need themselves. What is not mapped
// there is left out, and answered by ENOMEM.
[[gnu::noinline]] void give_back_stack() noexcept {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    const std::uintptr_t end = here / kPage * kPage - kPage;
    (void)::madvise(reinterpret_cast<void*>(end - kStackMax), kStackMax, MADV_DONTNEED);
}

}  // namespace

void give_back_memory() noexcept {
    (void)::malloc_trim(0);
    give_back_stack();
}

}  // namespace urc::monitor
