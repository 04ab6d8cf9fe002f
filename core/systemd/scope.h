// Scope: the unit in which systemd keeps a container's processes (systemd.scope(5)), and its cgroup.
//
//   urc                              child
//     |--- clone3, in urc's own cgroup -->|
//     |  systemd makes the scope, moves   |  waits: a cgroup namespace begins where its maker is
//     |  the child; urc writes the limits |
//     |--- cgroup_ready ----------------->|
//
// systemd gives the cgroup away (Delegate=), with what is below it. It is asked for all limits that it knows,
// see limits.h; the rest, and exact values where it rounds, urc writes itself.
#pragma once

#include <sys/types.h>

#include <string>

#include "core/cgroup/cgroup.h"
#include "core/spec/spec.h"
#include "core/systemd/bus.h"

namespace urc::systemd {

class Scope {
public:
    // Asks systemd where its cgroups begin; makes nothing.
    static Result<Scope> find(Instance instance, std::string_view cgroups_path, std::string_view id);

    const std::string& unit() const { return name_.scope; }
    // Below the mount point of every hierarchy.
    const std::string& path() const { return path_; }

    // Makes the unit with the process `init` in it, and opens its directories in `group`, which was prepared
    // with path(). EEXIST when the unit exists. Limits that are no properties are still to be written.
    Result<void> start(pid_t init, const spec::Spec& spec, cgroup::Cgroup& group);

    // For the undo of a launch: stops the unit if start() came so far. `init` must be gone.
    void abandon();

private:
    Scope(Bus bus, UnitName name, std::string path, std::string_view id);
    Bus bus_;
    UnitName name_;
    std::string path_, id_;
    bool is_started_ = false;
};

// What `resources` are as properties, for a unit that runs; device rules aside.
Result<void> update_unit(Instance instance, std::string_view unit, const spec::Resources& resources,
                         cgroup::Version version);

// Stops a container's unit and lets systemd forget it. No unit is no error.
Result<void> stop_unit(Instance instance, std::string_view unit);

}  // namespace urc::systemd
