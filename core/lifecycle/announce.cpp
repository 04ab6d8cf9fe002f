#include "core/lifecycle/announce.h"

namespace urc {

Result<void> save_announcement(StateDir& dir, State state, const cgroup::Cgroup* group,
                               std::string_view systemd_unit) {
    state.init = {};
    if (group) {
        cgroup::Saved planned = group->planned();
        if (!planned.paths.empty()) state.systemd_unit = systemd_unit;
        state.cgroup_paths = std::move(planned.paths);
        state.cgroups_made = std::move(planned.made);
    }
    return dir.save(state);
}

}  // namespace urc
