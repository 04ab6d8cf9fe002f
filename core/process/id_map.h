// The uid and gid maps of a new user namespace (user_namespaces(7)), written by the parent for its child.
#pragma once

#include <sys/types.h>

#include <vector>

#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::process {

struct IdMaps {
    const std::vector<spec::IdMapping>& uids;
    const std::vector<spec::IdMapping>& gids;
};

// Whether setgroups(2) has to be denied in the namespace: an unprivileged caller that maps only its own group
// must do so before the map (CVE-2014-8989).
bool denies_setgroups(const IdMaps& maps);

// Writes the maps of `pid`, a child of the caller that waits. The kernel takes them directly from a
// privileged caller and for the caller's own ids; otherwise newuidmap(1) and newgidmap(1) are asked.
Result<void> write_id_maps(pid_t pid, const IdMaps& maps);

}  // namespace urc::process
