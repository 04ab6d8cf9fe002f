// What only the host's rights can give a child that is about to lose them, or has none.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <vector>

#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::process {

// Raises the hard limits of `pid` to those asked for (prlimit(2)): in a user namespace of its own it could
// not. The child sets the limits themselves, as its last act.
Result<void> raise_hard_limits(pid_t pid, const std::vector<spec::Rlimit>& rlimits);

// The soft limit on descriptors, which callers keep low for the sake of select(2), becomes the hard one for
// us. The programs that we start get back what we were given: restore is for the process that is about to
// execute one, inherited_descriptor_limit for where that is done later; nullopt when nothing was changed.
void raise_descriptor_limit();
void restore_descriptor_limit();
std::optional<rlimit> inherited_descriptor_limit();

// Writes /proc/PID/oom_score_adj. An unprivileged caller may only raise it; what it may not do is no error
// then.
Result<void> set_oom_score(pid_t pid, int score, bool is_rootless);

}  // namespace urc::process
