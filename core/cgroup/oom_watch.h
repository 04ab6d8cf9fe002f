// Tells of processes that the out-of-memory killer ended in a cgroup.
//
//   v2   memory.events, whose `oom_kill` counts; poll(2) says POLLPRI when any of its numbers has changed
//   v1   an eventfd, registered with cgroup.event_control for memory.oom_control; POLLIN
#pragma once

#include "core/cgroup/cgroup.h"
#include "uring/fd.h"

namespace urc::cgroup {

class OomWatch {
public:
    // Watches nothing (fd() is -1) where there is no memory controller.
    static Result<OomWatch> open(const Cgroup& cgroup);

    int fd() const { return fd_.get(); }
    short poll_events() const;

    // After poll(2), or just so: whether there was one since the last time.
    bool take();

private:
    Fd fd_;
    Fd control_;  // v1: memory.oom_control; what is registered lasts as long as it is open
    bool is_v2_ = false;
    std::uint64_t kills_ = 0;
};

}  // namespace urc::cgroup
