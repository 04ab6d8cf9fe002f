#include "core/child/pivot.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/child/mount_calls.h"
#include "core/child/rootfs.h"
#include "uring/file.h"

namespace urc::child {

namespace {

Result<void> propagate_host(const PropagationChange& propagation) {
    struct mount_attr attributes = {};
    attributes.propagation = propagation.type;
    unsigned flags = propagation.is_recursive ? AT_RECURSIVE : 0U;
    if (::mount_setattr(AT_FDCWD, "/", flags, &attributes, sizeof attributes) < 0)
        return Error::last("set the propagation of /");
    return {};
}

Result<Fd> open_rootfs(const RootfsPlan& plan) {
    // tidy-ok paths-go-through-the-resolver: the host's own path of the rootfs, checked by plan_rootfs
    return open_at(AT_FDCWD, plan.rootfs.c_str(), O_PATH | O_DIRECTORY);
}

Result<Fd> clone_rootfs(RootfsPlan& plan) {
    auto tree = clone_tree(plan.rootfs.c_str(), Tree::recursive, "mount " + plan.rootfs + " on /");
    if (!tree.ok() && tree.error().code() == EACCES && plan.rootfs_tree) return std::move(plan.rootfs_tree);
    return tree;
}

}  // namespace

Result<void> make_mount_private(Fd directory) {
    constexpr int kDepthMax = 4096;
    for (int depth = 0; depth < kDepthMax; ++depth) {
        if (set_mount(directory.get(), 0, {}, MS_PRIVATE) == 0) return {};
        if (errno != EINVAL) break;
        URC_TRY(directory, open_at(directory.get(), "..", O_PATH | O_DIRECTORY));
    }
    return Error::last("make the mount of the rootfs private");
}

Result<void> attach_root(RootfsPlan& plan) {
    if (!plan.has_mount_namespace) {
        URC_TRY(plan.root, open_rootfs(plan));
        return {};
    }
    URC_TRY_VOID(propagate_host(plan.initial_propagation));
    bool is_shared = plan.initial_propagation.type == MS_SHARED;
    Fd place;
    if (is_shared || plan.shows_in_place) {
        auto opened = open_rootfs(plan);
        if (opened.ok()) place = std::move(*opened);
        // Only the real root may come by there: then no hook of the container's can, and "/" is as good.
        else if (is_shared || opened.error().code() != EACCES)
            return std::move(opened).error();
    }
    if (place && (is_shared || !plan.initial_propagation.is_recursive)) {
        URC_TRY(Fd directory, open_at(place.get(), ".", O_PATH | O_DIRECTORY));
        URC_TRY_VOID(make_mount_private(std::move(directory)));
    }
    URC_TRY(plan.root, clone_rootfs(plan));
    if (!plan.initial_propagation.is_recursive || is_shared) {
        // The host's mount may still be shared: what is mounted in the container would appear there.
        std::uint64_t type = plan.initial_propagation.type == MS_SLAVE ? MS_SLAVE : MS_PRIVATE;
        if (set_mount(plan.root.get(), 0, {}, type) < 0) return Error::last("make the rootfs private");
    }
    int attached = place ? ::move_mount(plan.root.get(), "", place.get(), "",
                                        MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
                         : ::move_mount(plan.root.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
    if (attached < 0) return Error::last("mount " + plan.rootfs + " on /");
    return {};
}

Result<void> pivot(RootfsPlan& plan) {
    Fd old_root;
    bool may_propagate = !plan.initial_propagation.is_recursive || plan.initial_propagation.type == MS_SHARED;
    if (may_propagate) {
        URC_TRY(old_root, open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
    }
    if (::fchdir(plan.root.get()) < 0) return Error::last("chdir", plan.rootfs);
    if (!plan.has_mount_namespace || plan.no_pivot) {
        if (plan.has_mount_namespace && !may_propagate) {
            // What stays below cannot be unmounted, but its procfs and sysfs need not be found there.
            for (const char* mounted : {"/proc", "/sys"})
                (void)::umount2(mounted, MNT_DETACH);  // tidy-ok paths-go-through-the-resolver: of the host
        }
        if (::chroot(".") < 0) return Error::last("chroot", plan.rootfs);
    } else {
        if (::syscall(SYS_pivot_root, ".", ".") < 0) return Error::last("pivot_root", plan.rootfs);
        // Else the host's own mounts, still shared with ours, would go away with them.
        if (old_root && set_mount(old_root.get(), AT_RECURSIVE, {}, MS_SLAVE) < 0)
            return Error::last("make the old root a slave");
        if (::umount2(".", MNT_DETACH) < 0) return Error::last("umount the old root");
    }
    if (::chdir("/") < 0) return Error::last("chdir", "/");
    return {};
}

}  // namespace urc::child
