// Watched: a process whose cost is measured from outside, until after its end. It is a child of the harness,
// or becomes one: the harness is a subreaper, so the daemon that a monitor leaves behind is its child as soon
// as the program that was called has ended.
//
// CPU time is the process clock (clock_getcpuclockid(3)): nanoseconds, all threads, not its children. wait4's
// rusage would add what the process itself has waited for, and a monitor waits for the runtime and for the
// whole container. The clock can still be read of a process that has ended and is not reaped yet, so nothing
// is missed between a last look and the end.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::bench {

// Once per process, before the first monitor is started.
Result<void> become_subreaper();

// What was left to the subreaper by others and has ended. Only while no Launch is running.
void reap_strays();

class Watched {
public:
    static Result<Watched> open(pid_t pid);

    pid_t pid() const noexcept { return pid_; }
    int pidfd() const noexcept { return pidfd_.get(); }  // readable when it has ended

    std::uint64_t cpu_ns() const;  // 0 when it is reaped

    // Private_Clean + Private_Dirty of all its mappings: what it costs to have one more of it. 0 when it has
    // ended.
    std::uint64_t private_kib() const;

    // ETIME when it is not over in time.
    Result<void> await_end(int timeout_ms) const;

    // Its CPU time as a whole, after await_end. ECHILD when somebody else is its parent: then nobody can
    // know.
    Result<std::uint64_t> reap();

    void kill() const noexcept;

private:
    Watched() = default;

    pid_t pid_ = -1;
    Pidfd pidfd_;
};

}  // namespace urc::bench
