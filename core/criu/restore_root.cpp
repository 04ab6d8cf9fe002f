#include "core/criu/restore_root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/child/mount_calls.h"
#include "core/child/mounts.h"
#include "core/child/pivot.h"
#include "core/child/resolver.h"
#include "uring/file.h"

namespace urc::criu {

namespace {

using child::MountKind;
using child::MountStep;

// criu brings the whole content of a tmpfs along, and what is mounted in there finds its place.
bool is_below_tmpfs(const child::RootfsPlan& plan, const std::string& path) {
    return std::any_of(plan.mounts.begin(), plan.mounts.end(), [&](const MountStep& step) {
        return step.kind == MountKind::filesystem && step.type == "tmpfs" &&
               path.starts_with(step.destination + "/");
    });
}

// Mounts in a bind need their place in its source: the bind is mounted to find it.
Result<void> make_bind_point(int root, const MountStep& step) {
    const std::string name = child::mount_step_name(step);
    URC_TRY(const Fd tree, child::clone_tree(step.source.c_str(), child::Tree::recursive, name));
    struct stat status;
    if (::fstat(tree.get(), &status) < 0) return Error::last(name);
    const auto want = S_ISDIR(status.st_mode) ? child::Want::directory : child::Want::file;
    auto place = child::make_in_root(root, step.destination.c_str(), want);
    if (!place.ok()) return Error(place.error().code(), name);
    if (child::set_mount(tree.get(), AT_RECURSIVE, {}, MS_PRIVATE) < 0) return Error::last(name);
    return child::attach(tree.get(), place->fd.get(), name);
}

Result<void> make_mount_points(const child::RootfsPlan& plan, int root) {
    for (const MountStep& step : plan.mounts) {
        // The places of cgroup hierarchies are in a tmpfs (v1) or come with /sys (v2).
        if (step.kind == MountKind::cgroup || step.kind == MountKind::remount) continue;
        if (is_below_tmpfs(plan, step.destination)) continue;
        if (step.kind == MountKind::bind) {
            URC_TRY_VOID(make_bind_point(root, step));
            continue;
        }
        auto place = child::make_in_root(root, step.destination.c_str(), child::Want::directory);
        if (!place.ok()) return Error(place.error().code(), child::mount_step_name(step));
    }
    return {};
}

Result<Fd> put_rootfs_over(const child::RootfsPlan& plan, const std::string& place,
                           std::uint64_t propagation) {
    const std::string name = "mount " + plan.rootfs + " on " + place;
    URC_TRY(Fd tree, child::clone_tree(plan.rootfs.c_str(), child::Tree::recursive, name));
    if (propagation != 0 && child::set_mount(tree.get(), AT_RECURSIVE, {}, propagation) < 0)
        return Error::last(name);
    URC_TRY(const Fd target, open_at(AT_FDCWD, place.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    URC_TRY_VOID(child::attach(tree.get(), target.get(), name));
    return tree;
}

}  // namespace

Result<void> prepare_restore_root(const child::RootfsPlan& plan, const std::string& place) {
    URC_TRY(Fd target, open_at(AT_FDCWD, place.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    // Else what is mounted here appears on the host. All other mounts keep their propagation, which criu
    // looks up for the container's shared and slave mounts.
    URC_TRY_VOID(child::make_mount_private(std::move(target)));
    {
        // Private: the volumes mounted on it must not appear on the host's rootfs.
        URC_TRY(const Fd scratch, put_rootfs_over(plan, place, MS_PRIVATE));
        URC_TRY_VOID(make_mount_points(plan, scratch.get()));
    }
    if (::umount2(place.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0) return Error::last("umount", place);
    URC_TRY(const Fd root, put_rootfs_over(plan, place, 0));
    return {};
}

}  // namespace urc::criu
