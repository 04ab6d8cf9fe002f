// What a runtime that failed or was killed has left on the machine, where it cannot be asked any more.
#pragma once

#include <string_view>

namespace urc::bench {

// Kills what runs in every cgroup of exactly this name below /sys/fs/cgroup, and removes them. The name must
// be one that the harness itself has given.
void remove_cgroups(std::string_view name);

}  // namespace urc::bench
