// Handing the container's cgroup to the container's root, so that a service manager in there can divide it.
#pragma once

#include "core/cgroup/cgroup.h"
#include "core/spec/spec.h"

namespace urc {

// Whether the container's root is to own its cgroup: with a user and a cgroup namespace of its own and a
// cgroup mount that it may write to, as in runc. Only cgroup2 can be delegated safely.
bool owns_cgroup(const spec::Spec& spec);

// Gives the cgroup2 directory and its delegatable files to the ids on the host that are 0 in the container.
// Does nothing unless owns_cgroup(). `is_rootless`: a refusal (EPERM) is no error, the caller owns them then.
Result<void> delegate_cgroup(const spec::Spec& spec, const cgroup::Cgroup& group, bool is_rootless);

}  // namespace urc
