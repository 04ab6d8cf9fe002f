#include "core/child/rootfs.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/child/devices.h"
#include "core/child/masks.h"
#include "core/child/mount_calls.h"
#include "core/child/mounts.h"
#include "core/child/pivot.h"

namespace urc::child {

namespace {

// Modes of what is made are those that were asked for.
class NoUmask {
public:
    NoUmask() { ::umask(0); }
    ~NoUmask() { ::umask(022); }
    NoUmask(const NoUmask&) = delete;
    NoUmask& operator=(const NoUmask&) = delete;
};

// "net.ipv4.conf.eth0/1.rp_filter" -> "sys/net/ipv4/conf/eth0.1/rp_filter": the first separator decides which
// one separates; with dots, a slash stands for a dot within a name (sysctl.d(5)).
Result<std::string> sysctl_path(std::string_view key) {
    std::string path(key);
    std::size_t first = path.find_first_of("./");
    if (first != std::string::npos && path[first] == '.')
        for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
    for (std::size_t begin = 0; begin <= path.size();) {
        std::size_t end = std::min(path.find('/', begin), path.size());
        std::string_view name = std::string_view(path).substr(begin, end - begin);
        // Not a name of any sysctl, but a way out of the subtree that was allowed.
        if (name.empty() || name == "." || name == "..")
            return Error::message("sysctl " + std::string(key) + ": not a valid name", EINVAL);
        begin = end + 1;
    }
    return "sys/" + path;
}

}  // namespace

Result<void> prepare_rootfs(RootfsPlan& plan) {
    NoUmask no_umask;
    URC_TRY_VOID(attach_root(plan));
    if (!plan.has_mount_namespace) return {};
    URC_TRY_VOID(open_null(plan));
    URC_TRY_VOID(make_mounts(plan));
    return make_devices(plan);
}

Result<Procfs> open_procfs(const RootfsPlan& plan) {
    return plan.proc ? Procfs::on_mount(plan.proc.get()) : Procfs::open();
}

Result<void> write_sysctls(RootfsPlan& plan, const spec::StringMap& sysctl) {
    if (sysctl.empty()) return {};
    URC_TRY(Procfs procfs, open_procfs(plan));
    for (const auto& [key, value] : sysctl) {
        URC_TRY(std::string path, sysctl_path(key));
        auto written = procfs.write(path, value);
        if (!written.ok()) return Error(written.error().code(), "write sysctl", key);
    }
    return {};
}

Result<void> finish_rootfs(RootfsPlan& plan) {
    if (!plan.has_mount_namespace) return {};
    for (const auto& [mount, path] : plan.readonly_at_end)
        if (set_mount(mount.get(), 0, {MOUNT_ATTR_RDONLY, 0}) < 0) return Error::last("make read-only", path);
    URC_TRY_VOID(make_readonly_paths(plan));
    URC_TRY_VOID(make_masks(plan));
    if (plan.is_root_readonly && set_mount(plan.root.get(), 0, {MOUNT_ATTR_RDONLY, 0}) < 0)
        return Error::last("make read-only", "/");
    const PropagationChange& last = plan.final_propagation;
    // The root mount alone: what is below has got its propagation from the mounts' own options.
    if (last.type != 0 && set_mount(plan.root.get(), 0, {}, last.type) < 0)
        return Error::last("set the propagation of /");
    return {};
}

}  // namespace urc::child
