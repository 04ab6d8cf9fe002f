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

inline void* allocate_frame(std::size_t size) noexcept {
#if defined(URC_MIMALLOC)
    void* frame = mi_malloc(size);
#else
    void* frame = ::operator new(size, std::nothrow);
#endif
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

}  // namespace urc
