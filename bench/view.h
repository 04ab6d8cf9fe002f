// Which cgroup layout the measured runtimes see. One machine can show both: the harness moves into a private
// mount namespace and changes /sys/fs/cgroup there, for all rows alike; the host's own mounts stay as they
// are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "uring/result.h"

namespace urc::bench {

enum class View {
    host,  // as it is
    v1,    // the v1 hierarchies without the cgroup2 mount of a hybrid layout, which crun refuses
    v2,    // cgroup2 alone at /sys/fs/cgroup
};

std::optional<View> parse_view(std::string_view text);
std::string_view view_name(View view);

// Changes this process for good. Once per process, before anything was spawned.
Result<void> enter_view(View view);

// The keys of linux.resources whose controller nobody can use in the present view: on a hybrid machine the v1
// hierarchies own the controllers and cgroup2 has none of them. Empty where /sys/fs/cgroup is not cgroup2.
Result<std::vector<std::string>> resources_without_controller();

}  // namespace urc::bench
