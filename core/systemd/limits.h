// linux.resources as properties of a unit (systemd.resource-control(5)).
//
// systemd writes the controls of its units whenever it likes: at every `systemctl daemon-reload`, when a
// neighbour is started. What it is not told of is then gone, so everything that it has a property for is told
// to it, with the value that the control file gets as well.
//
// Device rules: on cgroup2 systemd is left alone with its default, under which it installs no filter, and
// urc's own program decides; it is not systemd's to remove. On v1 there is one list for both, so systemd must
// know the rules.
#pragma once

#include "core/cgroup/layout.h"
#include "core/systemd/property.h"

namespace urc::systemd {

struct LimitOptions {
    cgroup::Version version = cgroup::Version::v2;
    unsigned systemd_version = 0;  // older ones refuse what they do not know: it is left out then
};

// EINVAL for what can be no limit, such as a list of processors without a number in it.
Result<Properties> limit_properties(const spec::Resources& resources, const LimitOptions& options);

// DevicePolicy and DeviceAllow for v1. `proc_devices` is the text of /proc/devices, which names the majors.
Result<Properties> device_properties(const std::vector<spec::DeviceRule>& rules,
                                     std::string_view proc_devices);

// "0-2,9" as the bits of bytes, lowest first: {7, 2}.
Result<std::vector<Value>> cpu_mask(std::string_view list);

}  // namespace urc::systemd
