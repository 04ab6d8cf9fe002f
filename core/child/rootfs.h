// The container's root file system, from the configuration to "pivoted and masked", by descriptor only.
//
//   parent   plan_rootfs() -> open_sources() (user namespaces) -> clone3
//   child    prepare_rootfs()    propagation; the rootfs cloned and attached; mounts in order; devices, links
//            [hooks]             createRuntime and createContainer: paths of the host's administrator
//            write_sysctls()     through the private procfs
//            pivot()             the host's mounts are gone
//            finish_rootfs()     read-only /dev, tmpfs, readonlyPaths, maskedPaths, root; propagation
//
// The child is alone in its mount namespace, has one thread, and runs nothing of the container before the
// end. Masks come after the pivot: hooks may still need what they hide, and no program of the container runs
// in between. Other containers that share a volume may rename and replace what is in it at any time:
// therefore every path in the rootfs goes through resolver.h once, to a descriptor, and everything after acts
// on the descriptor.
//
// User namespaces: a source is opened by the child if it can reach it, because mounts copied into its
// namespace are locked against uncovering and against clearing `ro`; the tree opened by the parent is used
// only for what the child cannot reach.
#pragma once

#include "core/cgroup/cgroup.h"
#include "core/cgroup/layout.h"
#include "core/child/mount_plan.h"
#include "core/child/procfs.h"
#include "core/spec/spec.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::child {

// ---- parent
// -------------------------------------------------------------------------------------------------

// Which cgroup hierarchies a mount of type `cgroup` shows. `cgroup` may be null: the container has none.
void describe_cgroups(RootfsOptions& options, const cgroup::Layout& layout, const cgroup::Cgroup* cgroup);

// All that can be refused without touching the rootfs is refused here. Opens nothing that stays open.
Result<RootfsPlan> plan_rootfs(const spec::Spec& spec, const RootfsOptions& options);

// Makes the user namespaces of id-mapped mounts. For user namespaces it also opens the rootfs and the bind
// sources with the caller's rights, and maps their ids; not being allowed to open one is no error, the child
// then tries by itself.
Result<void> open_sources(RootfsPlan& plan);

// ---- child
// --------------------------------------------------------------------------------------------------

// Leaves umask 0022.
Result<void> prepare_rootfs(RootfsPlan& plan);

// The multiplexer of the container's own devpts (/dev/pts/ptmx), verified; TIOCGPTPEER then gives the slave.
// ENOENT when no devpts is mounted at /dev/pts.
Result<Fd> open_ptmx(RootfsPlan& plan);
// The same in the container that the caller has entered.
Result<Fd> open_ptmx();

// Mounts the terminal `slave` (of open_ptmx's devpts) on /dev/console. Before or after the pivot.
Result<void> bind_console(RootfsPlan& plan, int slave);

// For whatever is written below /proc: the procfs that prepare_rootfs mounted, or a private one. Before the
// pivot where no new procfs may be mounted (user namespaces). /proc/sys is covered after finish_rootfs.
Result<Procfs> open_procfs(const RootfsPlan& plan);

// Writes linux.sysctl through open_procfs, between prepare_rootfs and finish_rootfs. The namespaces must be
// the container's by now.
Result<void> write_sysctls(RootfsPlan& plan, const spec::StringMap& sysctl);

// pivot_root(2), or chroot(2) with no_pivot. The working directory is the new root afterwards.
Result<void> pivot(RootfsPlan& plan);

Result<void> finish_rootfs(RootfsPlan& plan);

}  // namespace urc::child
