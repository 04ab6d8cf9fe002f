#include "core/lifecycle/cgroup_manager.h"

#include <unistd.h>

#include "core/lifecycle/rootless.h"
#include "core/systemd/scope.h"

namespace urc {

namespace {

// sd_booted(3): this directory exists exactly when systemd is the init.
constexpr char kSystemdDirectory[] = "/run/systemd/system";

// That of the state: State::rootless is what is_rootless() was.
systemd::Instance instance_of(const State& state) {
    return state.rootless ? systemd::Instance::user : systemd::Instance::system;
}

}  // namespace

Result<void> check_cgroup_manager(const Global& global) {
    if (global.cgroup_manager != CgroupManager::systemd) return {};
    if (::access(kSystemdDirectory, F_OK) == 0) return {};
    return Error::message("systemd not running on this host, cannot use systemd cgroups manager", ENOTSUP);
}

systemd::Instance systemd_instance(const Global& global) {
    return is_rootless(global) ? systemd::Instance::user : systemd::Instance::system;
}

Result<void> set_limits(const State& state, cgroup::Cgroup& group, const spec::Resources& resources,
                        cgroup::DeviceRules device_rules) {
    // The files first: what the kernel refuses, systemd would only log.
    URC_TRY_VOID(group.apply(resources, device_rules));
    if (state.systemd_unit.empty()) return {};
    URC_TRY_VOID(systemd::update_unit(instance_of(state), state.systemd_unit, resources, group.version()));
    // And once more, since systemd has rounded what it was told.
    return group.apply(resources, cgroup::DeviceRules::keep);
}

Result<void> remove_cgroup(const State& state, cgroup::Cgroup& group) {
    if (!state.systemd_unit.empty()) URC_TRY_VOID(systemd::stop_unit(instance_of(state), state.systemd_unit));
    return group.remove();
}

}  // namespace urc
