#include "core/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>

namespace urc {

// noinline: the frame must be below those of the caller.
[[gnu::noinline]] void give_back_stack() noexcept {
    constexpr std::uintptr_t kPage = 4096;
    // Deeper than any call of urc goes, and less than the kernel keeps free of mappings below a stack (128
    // MiB).
    constexpr std::uintptr_t kDepthMax = 1 << 20;
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    // Not the page that this function and madvise(2) stand on. What is not mapped is left out (ENOMEM).
    const std::uintptr_t end = here / kPage * kPage - kPage;
    (void)::madvise(reinterpret_cast<void*>(end - kDepthMax), kDepthMax, MADV_DONTNEED);
}

void give_back_memory() noexcept {
    (void)::malloc_trim(0);
    give_back_stack();
}

}  // namespace urc
