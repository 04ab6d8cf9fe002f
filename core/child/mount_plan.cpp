#include "core/child/mount_plan.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "core/child/mount_calls.h"
#include "core/child/resolver.h"
#include "core/child/rootfs.h"
#include "core/process/user_namespace.h"
#include "uring/file.h"

namespace urc::child {

namespace {

using spec::NamespaceType;

// The only places in /proc that may be covered: files that lxcfs and its like replace, and two that
// checkpoint/restore and FIPS builds need. Anything else could redirect what is written there.
constexpr std::string_view kAllowedInProc[] = {"/proc/cpuinfo",
                                               "/proc/diskstats",
                                               "/proc/meminfo",
                                               "/proc/stat",
                                               "/proc/swaps",
                                               "/proc/uptime",
                                               "/proc/loadavg",
                                               "/proc/slabinfo",
                                               "/proc/net/dev",
                                               "/proc/sys/kernel/ns_last_pid",
                                               "/proc/sys/crypto/fips_enabled"};

struct DefaultDevice {
    std::string_view path;
    unsigned major, minor;
};
constexpr DefaultDevice kDefaultDevices[] = {{"/dev/null", 1, 3},    {"/dev/zero", 1, 5},
                                             {"/dev/full", 1, 7},    {"/dev/random", 1, 8},
                                             {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

bool is_below(std::string_view path, std::string_view directory) {
    return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

std::string join(std::string_view base, std::string_view path) {
    if (path.starts_with('/') || base.empty()) return std::string(path);
    return std::string(base) + '/' + std::string(path);
}

// root.path must be a directory that no symlink leads to: whoever may write the bundle's directory could
// otherwise point it elsewhere between two looks.
Result<void> check_rootfs(std::string_view bundle, const std::string& path) {
    auto directory =
        open_at(AT_FDCWD, bundle.empty() ? "." : std::string(bundle).c_str(), O_PATH | O_DIRECTORY);
    if (!directory.ok()) return Error(directory.error().code(), "invalid rootfs: open bundle", bundle);
    auto root = open_resolved(directory->get(), path.c_str(), O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
    if (root.ok()) return {};
    if (root.error().code() == ELOOP)
        return Error::message("invalid rootfs: not an absolute path, or a symlink: " + path, ELOOP);
    return Error(root.error().code(), "invalid rootfs: open", path);
}

PropagationChange propagation_of(spec::Propagation wanted) {
    using enum spec::Propagation;
    switch (wanted) {
        case rprivate:
            return {MS_PRIVATE, true};
        case rslave:
            return {MS_SLAVE, true};
        case rshared:
            return {MS_SHARED, true};
        case runbindable:
            return {MS_UNBINDABLE, true};
        case priv:
            return {MS_PRIVATE, false};
        case slave:
            return {MS_SLAVE, false};
        case shared:
            return {MS_SHARED, false};
        case unbindable:
            return {MS_UNBINDABLE, false};
        case unset:
            break;
    }
    return {};
}

Error refused(const MountStep& step, std::string_view why, int code = EINVAL) {
    return Error::message("mount " + step.type + " on " + step.destination + ": " + std::string(why), code);
}

Result<void> check_proc(MountStep& step) {
    bool is_proc = step.kind == MountKind::filesystem && step.type == "proc";
    if (step.destination == "/proc") {
        // A bind is looked at by the child: it may be that of a real procfs.
        if (is_proc || step.kind == MountKind::bind || step.kind == MountKind::remount) return {};
        return refused(step, "\"/proc\" cannot be mounted because it is not of type proc");
    }
    if (!is_below(step.destination, "/proc")) return {};
    const auto* end = std::end(kAllowedInProc);
    step.is_allowed_in_proc = std::find(std::begin(kAllowedInProc), end, step.destination) != end;
    if (step.is_allowed_in_proc) return {};
    return refused(step, "\"" + step.destination + "\" cannot be mounted because it is inside /proc");
}

void plan_tmpfs(MountStep& step) {
    const auto& data = step.options.data;
    step.takes_mode_of_directory =
        std::none_of(data.begin(), data.end(), [](const FsParameter& one) { return one.key == "mode"; });
}

Result<MountStep> plan_mount(const spec::Mount& mount, const RootfsOptions& options) {
    MountStep step;
    step.destination = clean_absolute(mount.destination);
    step.type = mount.type;
    step.source = mount.source;
    step.options = parse_mount_options(mount.options);
    if (step.options.is_remount) {
        step.kind = MountKind::remount;
    } else if (step.options.is_bind || step.type == "bind" || step.type == "rbind") {
        step.kind = MountKind::bind;
        if (step.type == "rbind") step.options.is_recursive_bind = true;
        if (!step.options.data.empty())
            return refused(step, "bind mounts cannot have any filesystem-specific options applied");
        if (step.source.empty()) return refused(step, "a bind mount needs a source");
        step.source = join(options.bundle, step.source);
    } else if (step.type == "cgroup") {
        step.kind = MountKind::cgroup;
    } else if (step.type.empty()) {
        return refused(step, "neither a type nor a bind option is given");
    }
    bool is_filesystem = step.kind == MountKind::filesystem;
    if (step.options.has_tmpcopyup && !(is_filesystem && step.type == "tmpfs"))
        return refused(step, "tmpcopyup is for a tmpfs only");
    URC_TRY_VOID(check_proc(step));
    step.needs_real_directory = (is_filesystem && (step.type == "proc" || step.type == "sysfs")) ||
                                step.destination == "/proc" || step.destination == "/sys" ||
                                step.destination == "/dev";
    if (is_filesystem && step.type == "tmpfs") plan_tmpfs(step);
    if (is_filesystem && (step.type == "tmpfs" || step.destination == "/dev")) {
        step.is_readonly_at_end = (step.options.attributes.set & MOUNT_ATTR_RDONLY) != 0;
        if (step.is_readonly_at_end) step.options.attributes.apply(0, MOUNT_ATTR_RDONLY);
    }
    return step;
}

// Its own maps, or those of the container's user namespace.
Result<void> plan_id_mapping(RootfsPlan& plan, MountStep& step, const spec::Mount& mount,
                             const spec::Linux& linux) {
    bool has_own = !mount.uid_mappings.empty();
    if (!has_own && !step.options.has_idmap) return {};
    if (step.kind != MountKind::bind) return refused(step, "only bind mounts can have mapped ids");
    std::vector<spec::IdMapping> uids, gids;
    if (has_own) {
        uids = mount.uid_mappings;
        gids = mount.gid_mappings;
    } else if (plan.joined_user_namespace < 0) {
        uids = linux.uid_mappings;
        gids = linux.gid_mappings;
    }
    for (const IdMapping& one : plan.id_mappings)
        if (process::is_same_map(one.uids, uids) && process::is_same_map(one.gids, gids)) {
            step.id_mapping = static_cast<int>(&one - plan.id_mappings.data());
            return {};
        }
    step.id_mapping = static_cast<int>(plan.id_mappings.size());
    plan.id_mappings.push_back({std::move(uids), std::move(gids), Fd()});
    return {};
}

Result<DeviceStep> plan_device(const spec::Device& device) {
    DeviceStep step;
    step.path = clean_absolute(device.path);
    step.mode = device.file_mode.value_or(0666) & 07777;
    switch (device.type) {
        case 'c':
        case 'u':
            step.mode |= S_IFCHR;
            break;
        case 'b':
            step.mode |= S_IFBLK;
            break;
        case 'p':
            step.mode |= S_IFIFO;
            break;
        default:
            return Error::message("device " + device.path + ": unknown type", EINVAL);
    }
    constexpr std::int64_t kMajorMax = 0xfff, kMinorMax = 0xfffff;  // what a 32-bit dev_t of the kernel holds
    if (device.type != 'p') {
        if (device.major < 0 || device.major > kMajorMax || device.minor < 0 || device.minor > kMinorMax)
            return Error::message("device " + device.path + ": number out of range", EINVAL);
        step.number = makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
    }
    step.uid = device.uid.value_or(0);
    step.gid = device.gid.value_or(0);
    step.has_owner = step.uid != 0 || step.gid != 0;
    return step;
}

Result<void> plan_devices(RootfsPlan& plan, const spec::Spec& spec) {
    for (const spec::Device& device : spec.linux.devices) {
        URC_TRY(DeviceStep step, plan_device(device));
        // It is a link into the container's own devpts, whatever the configuration lists.
        if (step.path != "/dev/ptmx") plan.devices.push_back(std::move(step));
    }
    std::size_t given = plan.devices.size();
    for (const DefaultDevice& device : kDefaultDevices) {
        auto end = plan.devices.begin() + static_cast<std::ptrdiff_t>(given);
        if (std::any_of(plan.devices.begin(), end,
                        [&](const DeviceStep& step) { return step.path == device.path; }))
            continue;
        DeviceStep step;
        step.path = device.path;
        step.mode = S_IFCHR | 0666;
        step.number = makedev(device.major, device.minor);
        plan.devices.push_back(std::move(step));
    }
    struct stat kcore;
    plan.has_core_link = ::stat("/proc/kcore", &kcore) == 0;
    return {};
}

std::vector<std::string> clean_once(const std::vector<std::string>& paths) {
    std::vector<std::string> cleaned;
    for (const std::string& path : paths) {
        std::string one = clean_absolute(path);
        if (std::find(cleaned.begin(), cleaned.end(), one) == cleaned.end())
            cleaned.push_back(std::move(one));
    }
    return cleaned;
}

// The label goes into the superblock of what urc makes itself; without SELinux it means nothing.
void add_label(RootfsPlan& plan, const std::string& label) {
    struct stat selinux;
    if (label.empty() || ::stat("/sys/fs/selinux/enforce", &selinux) < 0) return;
    for (MountStep& step : plan.mounts)
        if (step.kind == MountKind::filesystem && step.type != "proc" && step.type != "sysfs" &&
            step.type != "mqueue" && step.type != "cgroup2")
            step.options.data.push_back({"context", label, true});
}

}  // namespace

std::string clean_absolute(std::string_view path) {
    std::string clean;
    for (std::size_t begin = 0; begin < path.size();) {
        std::size_t end = std::min(path.find('/', begin), path.size());
        std::string_view name = path.substr(begin, end - begin);
        if (name == "..") {
            clean.resize(clean.empty() ? 0 : clean.rfind('/'));
        } else if (!name.empty() && name != ".") {
            clean.append(1, '/').append(name);
        }
        begin = end + 1;
    }
    return clean.empty() ? "/" : clean;
}

Result<RootfsPlan> plan_rootfs(const spec::Spec& spec, const RootfsOptions& options) {
    if (!spec.root || spec.root->path.empty())
        return Error::message("invalid rootfs: root.path is empty", EINVAL);
    RootfsPlan plan;
    URC_TRY_VOID(check_rootfs(options.bundle, spec.root->path));
    plan.rootfs = join(options.bundle, spec.root->path);
    plan.has_mount_namespace = spec.linux.find(NamespaceType::mount) != nullptr;
    plan.has_cgroup_namespace = spec.linux.find(NamespaceType::cgroup) != nullptr;
    plan.no_pivot = options.no_pivot;
    plan.is_userns = options.is_userns;
    plan.is_rootless = options.is_rootless;
    plan.is_cgroup_v2 = options.is_cgroup_v2;
    plan.shows_in_place = spec.hooks.has_any_of_create() || !spec.hooks.create_container.empty();
    plan.is_root_readonly = spec.root->readonly;
    plan.cgroups = options.cgroups;
    plan.joined_user_namespace = options.joined_user_namespace;
    if (!plan.has_mount_namespace && !(spec.linux.masked_paths.empty() && spec.linux.readonly_paths.empty()))
        return Error::message("unable to restrict sys entries without a private MNT namespace", EINVAL);
    plan.final_propagation = propagation_of(spec.linux.rootfs_propagation);
    plan.initial_propagation = plan.final_propagation;
    if (plan.initial_propagation.type == 0) plan.initial_propagation = {MS_SLAVE, true};
    // Nothing could be cloned from an unbindable mount, the rootfs neither; to the outside both are the same.
    if (plan.initial_propagation.type == MS_UNBINDABLE) plan.initial_propagation.type = MS_PRIVATE;

    plan.mounts.reserve(spec.mounts.size());
    for (const spec::Mount& mount : spec.mounts) {
        URC_TRY(MountStep step, plan_mount(mount, options));
        URC_TRY_VOID(plan_id_mapping(plan, step, mount, spec.linux));
        if (step.destination == "/dev" && step.kind == MountKind::bind) plan.makes_devices = false;
        plan.mounts.push_back(std::move(step));
    }
    add_label(plan, spec.linux.mount_label);
    URC_TRY_VOID(plan_devices(plan, spec));
    plan.masked_paths = clean_once(spec.linux.masked_paths);
    plan.readonly_paths = clean_once(spec.linux.readonly_paths);
    return plan;
}

}  // namespace urc::child
