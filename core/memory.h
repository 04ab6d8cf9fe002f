// What a process that has done much and now only waits gives back to the kernel. A monitor has read and
// checked a configuration, compiled a filter and made a container; a relay has had a burst of output. They
// need nothing of the memory for that any more, and there may be a thousand of them.
#pragma once

namespace urc {

// The stack below the caller. What was there is gone as soon as a function returns; this says so to the
// kernel.
void give_back_stack() noexcept;

// That, and the free pages of the heap.
void give_back_memory() noexcept;

}  // namespace urc
