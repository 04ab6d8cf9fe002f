// The systemd cgroup manager is refused by name until it is there: its cgroups are looked for by others
// (kubelet, systemd itself), so falling back to cgroupfs would be a container that nobody finds.
#include <unistd.h>

#include "core/runtime.h"

namespace urc {

Result<void> check_cgroup_manager(const Global& global) {
    if (global.cgroup_manager != CgroupManager::systemd) return {};
    // sd_booted(3): this directory exists exactly when systemd is the init.
    if (::access("/run/systemd/system", F_OK) != 0)
        return Error::message("systemd not running on this host, cannot use systemd cgroups manager",
                              ENOTSUP);
    return Error::message("the systemd cgroup manager is not implemented yet", ENOSYS);
}

}  // namespace urc
