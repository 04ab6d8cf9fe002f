// Where coroutine frames live. A task is one allocation, its frame; mimalloc serves these in some 10 ns from
// a free list of the right size. Sanitizer builds set URC_MIMALLOC=OFF: ASan does not look into mimalloc.
//
// `frames_live` is a global so that tests can say "no frame is left", and a resident process can report it;
// the other one of this room says where frames come from. One thread, so both are plain.
#pragma once

#include <cstddef>
#include <new>

#if defined(URC_MIMALLOC)
#include <mimalloc.h>
#endif

#include "uring/check.h"

namespace urc {

inline constinit std::size_t frames_live = 0;

namespace detail {

#if defined(URC_MIMALLOC)
inline constinit bool has_few_frames = false;
#endif

inline void* try_allocate_frame(std::size_t size) noexcept {
#if defined(URC_MIMALLOC)
    if (!has_few_frames) [[likely]]
        return mi_malloc(size);
#endif
    return ::operator new(size, std::nothrow);
}

}  // namespace detail

inline void* allocate_frame(std::size_t size) noexcept {
    void* frame = detail::try_allocate_frame(size);
    URC_CHECK(frame != nullptr);
    ++frames_live;
    return frame;
}

inline void free_frame(void* frame) noexcept {
    --frames_live;
#if defined(URC_MIMALLOC)
    if (!detail::has_few_frames) [[likely]]
        return mi_free(frame);
#endif
    ::operator delete(frame);
}

// Before the first frame, in a process that will have a dozen and is one of a thousand: they lie in the
// heap's gaps then. mimalloc would take 36 KiB for them alone, a page at least for each size.
inline void expect_few_frames() noexcept {
    URC_CHECK(frames_live == 0);
#if defined(URC_MIMALLOC)
    detail::has_few_frames = true;
#endif
}

// Takes the room for frames from the kernel, which the allocator does in one large piece. False when there is
// none (ulimit -v): better known before there is anything to lose, since a frame cannot fail.
inline bool reserve_frames() noexcept {
    void* frame = detail::try_allocate_frame(1024);
    if (!frame) return false;
    ++frames_live;
    free_frame(frame);
    return true;
}

}  // namespace urc
