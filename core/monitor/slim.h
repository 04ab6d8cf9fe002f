// Slim: what a process that has done much and now only waits gives back to the kernel. A monitor has read and
// checked a configuration, compiled a filter and made a container; of the memory for that it needs nothing
// any more, and there may be a thousand monitors.
#pragma once

namespace urc::monitor {

// Free pages of the heap, and the stack below the caller. Changes nothing but how much memory is held.
void give_back_memory() noexcept;

}  // namespace urc::monitor
