// What of a container is not criu's to save and to make again: bind mounts, masks, cgroup mounts that are
// binds, namespaces that were joined, the pipes at stdin, stdout and stderr. The dump gives each a word, the
// restore says what the word means now. The words are runc's, so that either restores what the other dumped.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/child/mount_plan.h"
#include "core/criu/rpc.h"
#include "core/spec/spec.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::criu {

// For a dump. `container_root` is the root of the living container: only masks that are there are told.
std::vector<ExternalMount> mounts_to_dump(const child::RootfsPlan& plan, int container_root);
// For a restore.
std::vector<ExternalMount> mounts_to_restore(const child::RootfsPlan& plan);

// A network or pid namespace with a path is left out of the dump: "net[INODE]:extRootNetNS".
Result<std::vector<std::string>> namespaces_to_dump(const std::vector<spec::Namespace>& namespaces);

// What a restore does with the namespaces that have a path: network and pid are handed to criu as
// descriptors, which `fds` keeps open, the others it joins by itself. A cgroup namespace it cannot join.
struct NamespacesToRestore {
    std::vector<std::pair<std::string, std::string>> joins;  // criu's name, path
    std::vector<std::string> keys;                           // of `fds`
    std::vector<Fd> fds;
};
Result<NamespacesToRestore> namespaces_to_restore(const std::vector<spec::Namespace>& namespaces);

// Where `pid` (criu) is, whatever the dumped container's cgroup was called, the restored processes shall be:
// a pair of controller and path for each of them in /proc/PID/cgroup.
Result<std::vector<std::pair<std::string, std::string>>> cgroup_roots(pid_t pid);

// descriptors.json beside the images: what stdin, stdout and stderr were, `["pipe:[123]","/dev/null",...]`.
inline constexpr const char* kDescriptorsFile = "descriptors.json";
Result<void> write_descriptors(int images, const std::array<std::string, 3>& names);
// Those that are pipes become ours: the container's stdin is our stdin, and so on.
Result<std::vector<InheritedFd>> read_inherited_pipes(int images);

}  // namespace urc::criu
