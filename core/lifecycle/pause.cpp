// pause and resume: the freezer of the container's cgroup. What is frozen stays so until somebody resumes,
// kills or deletes it; nothing is stored, the kernel is asked for the status.
#include "core/lifecycle/hold.h"

namespace urc {

Result<void> pause(const Global& global, std::string_view id) {
    URC_TRY(Held held, hold(global, id));
    warn_if_rootless(global, held.state, "pause");
    if (!held.is_running()) return not_running();
    URC_TRY(cgroup::Cgroup group, require_cgroup(held.state));
    return group.freeze();
}

Result<void> resume(const Global& global, std::string_view id) {
    URC_TRY(Held held, hold(global, id));
    warn_if_rootless(global, held.state, "resume");
    if (held.status != Status::paused) return Error::message("container not paused", EINVAL);
    URC_TRY(cgroup::Cgroup group, require_cgroup(held.state));
    return group.thaw();
}

}  // namespace urc
