#include "core/child/mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>

#include "core/child/copy_up.h"
#include "core/child/mount_calls.h"
#include "core/child/resolver.h"
#include "core/child/sources.h"

namespace urc::child {

namespace {

// Where a mount goes: a descriptor, or a name just made in a directory that is ours alone.
struct Place {
    Fd fd;
    int directory = -1;
    const char* name = nullptr;
    bool is_created = false;
};

Result<bool> is_on_procfs(int fd) {
    struct statfs status;
    if (::fstatfs(fd, &status) < 0) return Error::last("statfs");
    return status.f_type == PROC_SUPER_MAGIC;
}

// A volume may have brought us into a procfs by a symlink: then the name of the destination says nothing.
Result<void> check_not_in_proc(const MountStep& step, int target) {
    if (step.is_allowed_in_proc || step.destination == "/proc") return {};
    URC_TRY(bool is_proc, is_on_procfs(target));
    if (!is_proc) return {};
    return Error::message(mount_step_name(step) + ": \"" + step.destination +
                          "\" cannot be mounted because it is inside /proc");
}

Result<Place> find_place(RootfsPlan& plan, const MountStep& step, bool is_directory) {
    constexpr std::size_t kDevLength = 5;  // "/dev/"
    const char* path = step.destination.c_str();
    if (plan.is_dev_fresh && is_directory && step.destination.starts_with("/dev/") &&
        step.destination.find('/', kDevLength) == std::string::npos) {
        // Nobody else has ever been in this tmpfs, so the name we make is the name we mount on.
        const char* name = path + kDevLength;
        if (::mkdirat(plan.dev.get(), name, 0755) == 0) return Place{Fd(), plan.dev.get(), name, true};
    }
    Want want = step.needs_real_directory ? Want::real_directory
                : is_directory            ? Want::directory
                                          : Want::file;
    auto made = make_in_root(plan.root.get(), path, want);
    if (!made.ok()) {
        int code = made.error().code();
        if (want == Want::real_directory && (code == ENOTDIR || code == ELOOP)) {
            std::string_view type = step.kind == MountKind::bind ? "bind" : std::string_view(step.type);
            return Error::message(mount_step_name(step) + ": filesystem \"" + std::string(type) +
                                      "\" must be mounted on ordinary directory",
                                  code);
        }
        return Error(code, mount_step_name(step));
    }
    URC_TRY_VOID(check_not_in_proc(step, made->fd.get()));
    return Place{std::move(made->fd), -1, nullptr, made->is_created};
}

Result<void> attach_at(int mount, const Place& place, const MountStep& step) {
    if (!place.name) return attach(mount, place.fd.get(), mount_step_name(step));
    if (::move_mount(mount, "", place.directory, place.name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return Error::last(mount_step_name(step));
    return {};
}

// What later steps act on is remembered by descriptor. A mount on "/" hides all that was there.
Result<void> remember(RootfsPlan& plan, const MountStep& step, Fd mount) {
    if (step.is_readonly_at_end) {
        Fd again(::fcntl(mount.get(), F_DUPFD_CLOEXEC, 3));
        if (!again) return Error::last("dup");
        plan.readonly_at_end.emplace_back(std::move(again), step.destination);
    }
    if (step.destination == "/dev") {
        plan.is_dev_fresh = step.kind == MountKind::filesystem && step.type == "tmpfs";
        plan.dev = std::move(mount);
    } else if (step.destination == "/proc") {
        bool is_plain = step.kind == MountKind::filesystem && step.options.data.empty() &&
                        (step.options.attributes.set & MOUNT_ATTR_RDONLY) == 0;
        plan.proc = is_plain ? std::move(mount) : Fd();
    } else if (step.destination == "/") {
        plan.root = std::move(mount);
        plan.dev.reset();
        plan.proc.reset();
        plan.is_dev_fresh = false;
    }
    return {};
}

// The permission bits of the directory that the tmpfs hides, so that an image's /tmp stays 1777.
Result<void> take_mode(MountStep& step, const Place& place) {
    mode_t mode = 01777;
    if (!place.is_created) {
        struct stat status;
        if (::fstat(place.fd.get(), &status) < 0) return Error::last(mount_step_name(step));
        mode = status.st_mode & 07777;
    }
    std::string octal;
    for (int shift = 9; shift >= 0; shift -= 3) octal += static_cast<char>('0' + (mode >> shift & 7));
    step.options.data.push_back({"mode", std::move(octal), true});
    return {};
}

bool is_virtual(std::string_view type) {
    return type == "proc" || type == "tmpfs" || type == "devpts" || type == "sysfs" || type == "mqueue" ||
           type == "cgroup2";
}

// File systems that show a namespace can only be mounted by who owns it; with that namespace inherited, the
// host's own mount shows exactly the same.
const char* host_mount_of(std::string_view type) {
    if (type == "sysfs") return "/sys";
    if (type == "mqueue") return "/dev/mqueue";
    if (type == "proc") return "/proc";
    return nullptr;
}

Result<Fd> bind_instead(const RootfsPlan& plan, const MountStep& step, const char* host_path) {
    std::string name = mount_step_name(step);
    URC_TRY(Fd tree, clone_tree(host_path, Tree::recursive, name));
    // With everything below it: /sys/fs/cgroup must not stay writable under a read-only /sys.
    if (set_mount(tree.get(), AT_RECURSIVE,
                  {step.options.attributes.set & ~std::uint64_t{MOUNT_ATTR__ATIME}, 0}) < 0)
        return Error::last(name);
    MountOptions rest = step.options;
    rest.attributes = {};
    URC_TRY_VOID(apply_options(tree.get(), Tree::recursive, rest, plan.is_userns, name));
    return tree;
}

Result<Fd> new_filesystem(const RootfsPlan& plan, const MountStep& step, const Place& place) {
    std::vector<FsParameter> parameters = step.options.superblock;
    parameters.insert(parameters.end(), step.options.data.begin(), step.options.data.end());
    const auto& attributes = step.options.attributes;
    // A read-only device must not even be asked for a writable superblock.
    if (!is_virtual(step.type) && (attributes.set & MOUNT_ATTR_RDONLY) != 0)
        parameters.push_back({"ro", {}, false});
    std::string name = mount_step_name(step);
    const char* type = step.type.c_str();
    const char* source = step.source.c_str();
    auto made =
        place.fd && is_too_long_for_fsconfig(parameters)
            ? make_filesystem_from_text(type, source, parameters, attributes.set, place.fd.get(), name)
            : make_filesystem(type, source, parameters, attributes.set, name);
    if (!made.ok()) {
        const char* host_path = host_mount_of(step.type);
        if (!plan.is_userns || !host_path || made.error().code() != EPERM) return made;
        auto bound = bind_instead(plan, step, host_path);
        return bound.ok() ? std::move(bound) : std::move(made);
    }
    if (step.options.recursive.empty() && step.options.propagation.empty()) return made;
    MountOptions rest;
    rest.recursive = step.options.recursive;
    rest.propagation = step.options.propagation;
    URC_TRY_VOID(apply_options(made->get(), Tree::single, rest, plan.is_userns, name));
    return made;
}

Result<void> mount_filesystem(RootfsPlan& plan, MountStep& step) {
    URC_TRY(Place place, find_place(plan, step, true));
    if (step.takes_mode_of_directory) URC_TRY_VOID(take_mode(step, place));
    URC_TRY(Fd mount, new_filesystem(plan, step, place));
    if (step.options.has_tmpcopyup && !place.is_created)
        URC_TRY_VOID(copy_up(place.fd.get(), mount.get(), mount_step_name(step)));
    URC_TRY_VOID(attach_at(mount.get(), place, step));
    return remember(plan, step, std::move(mount));
}

Result<void> mount_bind(RootfsPlan& plan, MountStep& step) {
    std::string name = mount_step_name(step);
    URC_TRY(Fd tree, open_source(plan, step));
    struct stat status;
    if (::fstat(tree.get(), &status) < 0) return Error::last(name);
    if (step.destination == "/proc") {
        constexpr ino_t kProcRoot = 1;
        URC_TRY(bool is_proc, is_on_procfs(tree.get()));
        if (!is_proc || status.st_ino != kProcRoot)
            return Error::message(name + ": \"/proc\" cannot be mounted because it is not of type proc");
    }
    URC_TRY_VOID(apply_options(tree.get(), bind_tree(step), step.options, plan.is_userns, name));
    URC_TRY(Place place, find_place(plan, step, S_ISDIR(status.st_mode)));
    URC_TRY_VOID(attach_at(tree.get(), place, step));
    return remember(plan, step, std::move(tree));
}

// Attributes are added to what the mount has; data and superblock flags reconfigure the file system.
Result<void> reconfigure(RootfsPlan& plan, const MountStep& step) {
    std::string name = mount_step_name(step);
    auto target = open_in_root(plan.root.get(), step.destination.c_str(), O_PATH);
    if (!target.ok()) return Error(target.error().code(), name);
    const MountOptions& options = step.options;
    if (!options.is_bind && !(options.data.empty() && options.superblock.empty())) {
        Fd context(::fspick(target->get(), "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC));
        if (!context) return Error::last(name);
        for (const auto* list : {&options.superblock, &options.data})
            for (const FsParameter& one : *list)
                if (::fsconfig(context.get(), one.has_value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
                               one.key.c_str(), one.has_value ? one.value.c_str() : nullptr, 0) < 0)
                    return Error::last(name);
        if (::fsconfig(context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) < 0)
            return Error::last(name);
    }
    return apply_options(target->get(), Tree::recursive, options, plan.is_userns, name);
}

Result<void> mount_cgroup_at(RootfsPlan& plan, MountStep& step) {
    URC_TRY(Place place, find_place(plan, step, true));
    if (place.name) {
        URC_TRY(place.fd, open_in_root(place.directory, place.name, O_PATH | O_NOFOLLOW));
    }
    return mount_cgroup(plan, step, place.fd.get());
}

}  // namespace

std::string mount_step_name(const MountStep& step) {
    const std::string& what = step.kind == MountKind::bind ? step.source : step.type;
    return "mount " + what + " on " + step.destination;
}

Result<void> make_mounts(RootfsPlan& plan) {
    for (MountStep& step : plan.mounts) {
        switch (step.kind) {
            case MountKind::filesystem:
                URC_TRY_VOID(mount_filesystem(plan, step));
                break;
            case MountKind::bind:
                URC_TRY_VOID(mount_bind(plan, step));
                break;
            case MountKind::cgroup:
                URC_TRY_VOID(mount_cgroup_at(plan, step));
                break;
            case MountKind::remount:
                URC_TRY_VOID(reconfigure(plan, step));
                break;
        }
    }
    return {};
}

}  // namespace urc::child
