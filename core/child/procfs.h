// Procfs: a procfs that no one else can see, for everything urc writes below /proc.
//
// The container's /proc may be covered by volumes, and another container may exchange what lies in them, so a
// label or a sysctl written by path can end up in a file of somebody's choice (CVE-2019-16884, -19921,
// CVE-2025-52881). This one is a detached mount, made by fsmount(2) and never attached anywhere; files in it
// are opened with openat2(2), without crossing mounts or following magic links.
//
// Where the kernel forbids a new procfs (user namespaces whose /proc is partly covered) an already mounted
// one is used after verification: a procfs by statfs(2), its root by inode number, and RESOLVE_NO_XDEV, which
// turns a covering mount into an error. It must be opened before the pivot.
#pragma once

#include <string_view>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::child {

class Procfs {
public:
    static Result<Procfs> open();

    // Uses `mount`, the root of a procfs that this process mounted. Others can see and cover it, but a cover
    // is not crossed: it makes open_file fail. A copy of the mount would hide it as well, and cost an RCU
    // grace period when it goes away.
    static Result<Procfs> on_mount(int mount);

    // One write(2) to an existing file; `path` is relative ("self/attr/exec", "sys/net/ipv4/ip_forward").
    // What it resolves to lies in this procfs: no mount is crossed, no magic link (exe, root, fd/N) followed.
    Result<void> write(std::string_view path, std::string_view bytes) const;

    // Opens a file of it with `flags` (O_RDONLY ...), under the same rules.
    Result<Fd> open_file(std::string_view path, int flags) const;

    int get() const { return root_.get(); }

private:
    explicit Procfs(Fd root) : root_(std::move(root)) {}
    Fd root_;
};

}  // namespace urc::child
