// Layout: which cgroup hierarchies are mounted where.
//
//   v2      /sys/fs/cgroup is a cgroup2 file system
//   v1      /sys/fs/cgroup is a tmpfs with one mount a hierarchy: cpu,cpuacct/ memory/ ... systemd/
//   hybrid  v1 with a cgroup2 somewhere among them (unified/): called v1 here, the controllers are there
//
// Every start of a container asks this, so it is answered by statfs(2) of the usual places: one call on v2,
// one a hierarchy on v1. /proc/self/mountinfo, which grows with the host, is read only when nothing is at the
// usual places, and by the callers that have a relative cgroups path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/cgroup/controller.h"
#include "uring/result.h"

namespace urc::cgroup {

enum class Version : std::uint8_t { none, v1, v2 };

struct Hierarchy {
    ControllerSet controllers;  // {unified} for every cgroup2 mount
    std::string mount_point;    // absolute
    bool is_v2() const { return controllers.has(Controller::unified); }
};

class Layout {
public:
    // Never an error when nothing is mounted: that is Version::none.
    static Result<Layout> detect(const char* mount_root = "/sys/fs/cgroup");

    // Tests put plain directories in place of hierarchies.
    Layout(Version version, std::vector<Hierarchy> hierarchies)
        : version_(version), hierarchies_(std::move(hierarchies)) {}

    Version version() const { return version_; }
    const std::vector<Hierarchy>& hierarchies() const { return hierarchies_; }

private:
    Version version_;
    std::vector<Hierarchy> hierarchies_;
};

// The hierarchies in the text of a mountinfo file (proc(5)), the first mount of each.
Layout parse_mountinfo(std::string_view mountinfo);

// The path below `hierarchy`'s mount point that the calling process is in ("/a/b"), given the texts of
// /proc/self/cgroup and /proc/self/mountinfo. "/" when it is not to be seen from that mount.
std::string own_path(const Hierarchy& hierarchy, std::string_view proc_cgroup, std::string_view mountinfo);

}  // namespace urc::cgroup
