#include "core/child/sources.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "core/child/mounts.h"
#include "core/child/rootfs.h"
#include "core/process/user_namespace.h"

namespace urc::child {

namespace {

Result<void> open_id_mappings(RootfsPlan& plan) {
    for (IdMapping& mapping : plan.id_mappings) {
        if (mapping.uids.empty()) {
            mapping.user_namespace = Fd(::fcntl(plan.joined_user_namespace, F_DUPFD_CLOEXEC, 3));
            if (!mapping.user_namespace) return Error::last("id-mapped mounts: the joined user namespace");
            continue;
        }
        auto made = process::make_user_namespace({mapping.uids, mapping.gids});
        if (!made.ok()) return std::move(made).error().context("id-mapped mounts");
        mapping.user_namespace = std::move(*made);
    }
    return {};
}

// Makes the detached copy an id-mapped mount (mount_setattr(2), MOUNT_ATTR_IDMAP).
Result<void> map_ids(const RootfsPlan& plan, const MountStep& step, int mount) {
    const IdMapping& mapping = plan.id_mappings[static_cast<std::size_t>(step.id_mapping)];
    struct mount_attr attributes = {};
    attributes.attr_set = MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<std::uint64_t>(mapping.user_namespace.get());
    unsigned flags = AT_EMPTY_PATH | (step.options.has_recursive_idmap ? AT_RECURSIVE : 0U);
    if (::mount_setattr(mount, "", flags, &attributes, sizeof attributes) == 0) return {};
    if (errno == EINVAL)
        return Error(EINVAL, mount_step_name(step) + ": map ids: a file system here does not support it");
    // EPERM: ids are mapped already, or the file system is not the caller's.
    return Error::last(mount_step_name(step) + ": map ids");
}

// Not root, or no such right: nothing, the child tries by itself. What is missing is missing for it as well.
Result<Fd> open_for_user_namespace(const std::string& path, Tree kind) {
    Fd tree(::open_tree(AT_FDCWD, path.c_str(),
                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (kind == Tree::recursive ? AT_RECURSIVE : 0U)));
    if (!tree && errno == ENOENT) return Error::last("mount", path);
    // As the kernel does when a user namespace gets its copy of the mounts: else, where the host's are
    // shared, what is mounted below in the container would be mounted on the host as well.
    if (tree && set_mount(tree.get(), AT_RECURSIVE, {}, MS_SLAVE) < 0)
        return Error::last("make a slave of", path);
    return tree;
}

}  // namespace

Tree bind_tree(const MountStep& step) {
    return step.options.is_recursive_bind ? Tree::recursive : Tree::single;
}

Result<void> open_sources(RootfsPlan& plan) {
    if (!plan.has_mount_namespace) return {};
    URC_TRY_VOID(open_id_mappings(plan));
    if (!plan.is_userns) return {};
    URC_TRY(plan.rootfs_tree, open_for_user_namespace(plan.rootfs, Tree::recursive));
    for (MountStep& step : plan.mounts) {
        if (step.kind != MountKind::bind) continue;
        auto tree = open_for_user_namespace(step.source, bind_tree(step));
        if (!tree.ok()) return Error(tree.error().code(), mount_step_name(step));
        step.source_tree = std::move(*tree);
        if (step.id_mapping < 0) continue;
        if (!step.source_tree) return Error(EACCES, mount_step_name(step));
        URC_TRY_VOID(map_ids(plan, step, step.source_tree.get()));
        step.is_id_mapped = true;
    }
    return {};
}

Result<Fd> open_source(const RootfsPlan& plan, MountStep& step) {
    if (step.is_id_mapped) return std::move(step.source_tree);
    auto opened = clone_tree(step.source.c_str(), bind_tree(step), mount_step_name(step));
    if (!opened.ok() && opened.error().code() == EACCES && step.source_tree)
        return std::move(step.source_tree);
    if (opened.ok() && step.id_mapping >= 0) URC_TRY_VOID(map_ids(plan, step, opened->get()));
    return opened;
}

}  // namespace urc::child
