// exec --cgroup [CONTROLLER[,CONTROLLER]:]PATH: a cgroup below the container's for one process.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/cgroup/cgroup.h"
#include "uring/result.h"

namespace urc::cgroup {

struct SubCgroup {
    std::string controller;  // as typed; empty: every hierarchy
    std::string path;        // below the container's cgroup: "/a/b", or "/" for that itself
};

// The words of all --cgroup options. Refuses a controller that is named twice, more than one path without
// controllers, and every ".." ("bad sub cgroup path").
Result<std::vector<SubCgroup>> parse_sub_cgroups(const std::vector<std::string>& words);

// The path below the cgroup2 directory `container` (absolute) in which a process is, by its /proc/PID/cgroup;
// empty when it is not below it.
std::string path_below(std::string_view container, std::string_view mount_point,
                       std::string_view proc_cgroup);

}  // namespace urc::cgroup
