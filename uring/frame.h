// Where coroutine frames live. A task is one allocation, its frame; mimalloc serves these in some 10 ns from
// a free list of the right size. Sanitizer builds set URC_MIMALLOC=OFF: ASan does not look into mimalloc.
//
// `frames_live` is the one global of this room: it exists so that tests can say "no frame is left", and a
// resident process can report it. One thread, so a plain number.
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

inline void* try_allocate_frame(std::size_t size) noexcept {
#if defined(URC_MIMALLOC)
    return mi_malloc(size);
#else
    return ::operator new(size, std::nothrow);
#endif
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
    mi_free(frame);
#else
    ::operator delete(frame);
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
