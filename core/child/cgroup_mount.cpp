// A mount of type `cgroup`: the container sees its own part of the cgroup tree and nothing above it.
//
//   v2, own cgroup namespace    a new mount of cgroup2: the namespace cuts it
//   v2 else, or refused         a bind of the container's own directory
//   v1                          a tmpfs with a directory per hierarchy, each mounted (cgroup namespace) or
//                               bound like the above, and a link for each controller of a merged one
//
// Where the container has no directory of its own, nothing of the host's is shown: an empty read-only tmpfs.
// Without a cgroup namespace and with the whole tree bound, a rootless container could write to all cgroups
// of its user (CVE-2023-25809).
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "core/child/mount_calls.h"
#include "core/child/mounts.h"
#include "core/child/resolver.h"
#include "core/child/rootfs.h"

namespace urc::child {

namespace {

constexpr std::uint64_t kSafe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

Result<Fd> empty_readonly(std::string_view name) {
    return make_filesystem("tmpfs", "tmpfs", {{"mode", "755", true}}, kSafe | MOUNT_ATTR_RDONLY, name);
}

Result<Fd> bind_own(const RootfsPlan& plan, const MountStep& step, const CgroupHierarchy& hierarchy,
                    std::string_view name) {
    if (hierarchy.own_path.empty()) return empty_readonly(name);
    auto tree = clone_tree(hierarchy.own_path.c_str(), Tree::single, name);
    if (!tree.ok()) {
        // The caller is rootless and outside the mount namespace in which its cgroup can be seen.
        if (plan.is_rootless && tree.error().code() == ENOENT) return empty_readonly(name);
        return tree;
    }
    MountOptions options = step.options;
    if (plan.is_rootless && !plan.has_cgroup_namespace) options.attributes.apply(MOUNT_ATTR_RDONLY, 0);
    URC_TRY_VOID(apply_options(tree->get(), Tree::single, options, plan.is_userns, name));
    return tree;
}

std::vector<FsParameter> parameters_of(std::string_view controllers) {
    std::vector<FsParameter> parameters;
    if (controllers.empty()) return parameters;  // cgroup2
    constexpr std::string_view kNamed = "name=";
    if (controllers.starts_with(kNamed))
        return {{"none", {}, false}, {"name", std::string(controllers.substr(kNamed.size())), true}};
    for (std::size_t begin = 0; begin < controllers.size();) {
        std::size_t end = std::min(controllers.find(',', begin), controllers.size());
        parameters.push_back({std::string(controllers.substr(begin, end - begin)), {}, false});
        begin = end + 1;
    }
    return parameters;
}

Result<Fd> mount_hierarchy(const RootfsPlan& plan, const MountStep& step, const CgroupHierarchy& hierarchy,
                           std::string_view name) {
    if (plan.has_cgroup_namespace) {
        const char* type = hierarchy.controllers.empty() ? "cgroup2" : "cgroup";
        auto mount = make_filesystem(type, "cgroup", parameters_of(hierarchy.controllers),
                                     step.options.attributes.set, name);
        if (mount.ok()) {
            MountOptions rest = step.options;
            rest.attributes = {};
            URC_TRY_VOID(apply_options(mount->get(), Tree::single, rest, plan.is_userns, name));
            return mount;
        }
        int code = mount.error().code();
        if (code != EPERM && code != EBUSY) return mount;
    }
    return bind_own(plan, step, hierarchy, name);
}

Result<void> mount_v1(const RootfsPlan& plan, const MountStep& step, int target, const std::string& name) {
    URC_TRY(Fd top, make_filesystem("tmpfs", "cgroup", {{"mode", "755", true}}, kSafe, name));
    URC_TRY_VOID(attach(top.get(), target, name));
    for (const CgroupHierarchy& hierarchy : plan.cgroups) {
        std::string directory = hierarchy.mount_point.substr(hierarchy.mount_point.rfind('/') + 1);
        if (::mkdirat(top.get(), directory.c_str(), 0755) < 0) {
            if (errno == EEXIST) continue;
            return Error::last(name, directory);
        }
        std::string part = name + '/' + directory;
        URC_TRY(Fd mount, mount_hierarchy(plan, step, hierarchy, part));
        // Nobody else has been in this tmpfs: the name is as good as a descriptor.
        if (::move_mount(mount.get(), "", top.get(), directory.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0)
            return Error::last(part);
        if (directory.find(',') == std::string::npos) continue;
        for (const FsParameter& one : parameters_of(directory))
            if (::symlinkat(directory.c_str(), top.get(), one.key.c_str()) < 0 && errno != EEXIST)
                return Error::last(name, one.key);
    }
    if ((step.options.attributes.set & MOUNT_ATTR_RDONLY) == 0) return {};
    if (set_mount(top.get(), 0, {MOUNT_ATTR_RDONLY, 0}) < 0) return Error::last(name);
    return {};
}

}  // namespace

Result<void> mount_cgroup(RootfsPlan& plan, const MountStep& step, int target) {
    std::string name = mount_step_name(step);
    if (!plan.is_cgroup_v2) return mount_v1(plan, step, target, name);
    CgroupHierarchy none;
    const CgroupHierarchy& hierarchy = plan.cgroups.empty() ? none : plan.cgroups.front();
    URC_TRY(Fd mount, mount_hierarchy(plan, step, hierarchy, name));
    return attach(mount.get(), target, name);
}

void describe_cgroups(RootfsOptions& options, const cgroup::Layout& layout, const cgroup::Cgroup* cgroup) {
    options.is_cgroup_v2 = layout.version() == cgroup::Version::v2;
    // By their paths: the directories may be made only later.
    const cgroup::Saved own = cgroup ? cgroup->saved() : cgroup::Saved{};
    for (const cgroup::Hierarchy& hierarchy : layout.hierarchies()) {
        CgroupHierarchy one;
        one.mount_point = hierarchy.mount_point;
        hierarchy.controllers.for_each([&](cgroup::Controller controller) {
            if (!one.controllers.empty()) one.controllers += ',';
            one.controllers += cgroup::controller_name(controller);
            for (const auto& [name, path] : own.paths)
                if (name == cgroup::controller_name(controller)) one.own_path = path;
        });
        options.cgroups.push_back(std::move(one));
    }
}

}  // namespace urc::child
