// The configuration that `urc spec` writes.
#pragma once

#include <sys/types.h>

#include <string>

namespace urc {

// The text of a config.json that runs `sh` on a terminal: field for field what `runc spec` writes, but that
// no capability is ambient (a program without privileges must not gain any by being executed), and
// indented by tabs as there. Rootless: a user namespace in which root is `uid` and `gid`, no network
// namespace, no limits.
std::string default_spec(bool rootless, uid_t uid, gid_t gid);

// The same for a host whose cgroup hierarchy is known: `is_unified` (v2 alone) adds a cgroup namespace, with
// which a container sees its own part of the tree.
std::string default_spec(bool rootless, uid_t uid, gid_t gid, bool is_unified);

}  // namespace urc
