// clone3(2), used like fork: the child goes on from the same place with a copy of everything.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::process {

struct CloneOptions {
    std::uint64_t namespaces = 0;  // CLONE_NEW*
    int cgroup_fd = -1;            // v2: born there (CLONE_INTO_CGROUP); -1: in the caller's
    bool is_sibling = false;       // CLONE_PARENT: the caller's parent becomes the parent
};

struct Cloned {
    pid_t pid = 0;  // 0 in the child
    Pidfd pidfd;    // open in the caller only
};

// Errors are clone3's own; EAGAIN and ENOSPC name the limit that is meant (pids.max, user.max_*_namespaces).
Result<Cloned> clone_process(const CloneOptions& options);

}  // namespace urc::process
