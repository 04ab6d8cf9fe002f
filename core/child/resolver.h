// The one way from a path in the rootfs to a descriptor.
//
// The rootfs and the volumes in it are hostile: a component may be a symlink to anywhere, and may be
// exchanged while we look (CVE-2021-30465, CVE-2024-45310). So the kernel resolves with RESOLVE_IN_ROOT:
// symlinks and ".." cannot leave the root even when things move meanwhile; magic links of procfs are refused.
// What is missing is made one component at a time, each below a descriptor of the one before. Callers act on
// the returned O_PATH descriptor and never look at the path again.
//
// openat2(2), path_resolution(7).
#pragma once

#include <cstdint>
#include <string_view>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::child {

enum class Want : std::uint8_t {
    directory,
    file,
    real_directory,  // ENOTDIR when the last component is a symlink, also one that leads to a directory
};

struct Resolved {
    Fd fd;                    // O_PATH
    bool is_created = false;  // by this call
};

// openat2(2) with O_CLOEXEC; EAGAIN (a rename came between) is retried a bounded number of times.
Result<Fd> open_resolved(int dir, const char* path, std::uint64_t flags, std::uint64_t resolve);

// What exists at `path`, which "/" or no slash may begin, below `root`. Symlinks are followed inside it.
Result<Fd> open_in_root(int root, const char* path, std::uint64_t flags);

// The same, and what is missing is made: directories 0755 (less the umask; a setgid directory hands its bit
// down), for Want::file an empty file at the end. Dangling symlinks are followed inside the root.
Result<Resolved> make_in_root(int root, const char* path, Want want);

}  // namespace urc::child
