#include "core/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>

// The linker's: the first byte of the program, and the first behind its code (end(3)).
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): so they are called
extern "C" const char __executable_start, etext;

namespace urc {

namespace {

constexpr std::uintptr_t kPage = 4096;

}  // namespace

// noinline: the frame must be below those of the caller.
[[gnu::noinline]] void give_back_stack() noexcept {
    // Deeper than any call of urc goes, and less than the kernel keeps free of mappings below a stack (128
    // MiB).
    constexpr std::uintptr_t kDepthMax = 1 << 20;
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    // Not the page that this function and madvise(2) stand on. What is not mapped is left out (ENOMEM).
    const std::uintptr_t end = here / kPage * kPage - kPage;
    (void)::madvise(reinterpret_cast<void*>(end - kDepthMax), kDepthMax, MADV_DONTNEED);
}

void give_back_program() noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(&__executable_start) / kPage * kPage;
    const auto end = reinterpret_cast<std::uintptr_t>(&etext) / kPage * kPage;
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

void give_back_memory() noexcept {
    (void)::malloc_trim(0);
    give_back_program();
    give_back_stack();
}

}  // namespace urc
