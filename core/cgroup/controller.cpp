#include "core/cgroup/controller.h"

#include <algorithm>
#include <array>

namespace urc::cgroup {

namespace {
// Indexed by Controller.
constexpr std::array<std::string_view, 16> kNames = {
    "cpuset",     "cpu",      "cpuacct", "blkio", "memory", "devices", "freezer",      "net_cls",
    "perf_event", "net_prio", "hugetlb", "pids",  "rdma",   "misc",    "name=systemd", ""};
}  // namespace

std::string_view controller_name(Controller controller) {
    return kNames[static_cast<std::size_t>(controller)];
}

std::optional<Controller> parse_controller(std::string_view name) {
    if (name == "io") return Controller::io;
    if (name == "systemd") return Controller::systemd;
    const auto* found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<Controller>(found - kNames.begin());
}

ControllerSet parse_controllers(std::string_view list) {
    ControllerSet set;
    while (!list.empty()) {
        std::string_view name = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), name.size() + 1));
        if (name.empty()) continue;
        if (auto controller = parse_controller(name)) set.add(*controller);
    }
    return set;
}

}  // namespace urc::cgroup
