#include "core/child/devices.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>

#include "core/child/mount_calls.h"
#include "core/child/resolver.h"
#include "core/child/rootfs.h"
#include "uring/file.h"

namespace urc::child {

namespace {

constexpr std::string_view kDev = "/dev/";

// The directory that a node goes into. Almost always it is /dev itself.
struct Parent {
    Fd owned;
    int fd = -1;
    const char* name = nullptr;
};

Result<Parent> find_parent(RootfsPlan& plan, const std::string& path) {
    Parent parent;
    std::size_t slash = path.rfind('/');
    parent.name = path.c_str() + slash + 1;
    if (slash + 1 == kDev.size() && path.starts_with(kDev)) {
        parent.fd = plan.dev.get();
        return parent;
    }
    // Below /dev the walk begins at the descriptor of /dev, which a symlink cannot have redirected.
    bool is_in_dev = path.starts_with(kDev);
    std::string directory = is_in_dev ? path.substr(kDev.size(), slash - kDev.size()) : path.substr(0, slash);
    int root = is_in_dev ? plan.dev.get() : plan.root.get();
    URC_TRY(Resolved made, make_in_root(root, directory.empty() ? "." : directory.c_str(), Want::directory));
    parent.owned = std::move(made.fd);
    parent.fd = parent.owned.get();
    return parent;
}

bool is_same_device(int fd, const DeviceStep& step) {
    struct stat status;
    return ::fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == (step.mode & S_IFMT) &&
           status.st_rdev == step.number;
}

Result<void> bind_device(const Parent& parent, const DeviceStep& step, const std::string& name) {
    URC_TRY(Fd tree, clone_tree(step.path.c_str(), Tree::single, name));
    if (!is_same_device(tree.get(), step))
        return Error::message(name + ": the host's node of this name is another device", ENODEV);
    if (::mknodat(parent.fd, parent.name, S_IFREG | 0666, 0) < 0 && errno != EEXIST) return Error::last(name);
    URC_TRY(Fd target, open_in_root(parent.fd, parent.name, O_PATH | O_NOFOLLOW));
    return attach(tree.get(), target.get(), name);
}

Result<void> make_device(RootfsPlan& plan, const DeviceStep& step) {
    auto parent = find_parent(plan, step.path);
    if (!parent.ok()) return Error(parent.error().code(), "device " + step.path);
    if (!plan.is_userns || S_ISFIFO(step.mode)) {
        if (::mknodat(parent->fd, parent->name, step.mode, step.number) == 0) {
            if (!step.has_owner) return {};
            if (::fchownat(parent->fd, parent->name, step.uid, step.gid, AT_SYMLINK_NOFOLLOW) < 0)
                return Error::last("device " + step.path + ": chown");
            return {};
        }
        // The image's own node, or one that a volume brought: as in runc it stays what it is.
        if (errno == EEXIST) return {};
        // EPERM: no CAP_MKNOD, as in a container that runs containers.
        if (errno != EPERM || S_ISFIFO(step.mode)) return Error::last("device " + step.path);
    }
    return bind_device(*parent, step, "device " + step.path);
}

Result<void> make_link(int dev, const char* target, const char* name) {
    if (::symlinkat(target, dev, name) == 0 || errno == EEXIST) return {};
    return Error::last("symlink", std::string(kDev) + name);
}

// /dev/ptmx must be the container's own: a node there would be the host's multiplexer.
Result<void> link_ptmx(int dev) {
    constexpr std::string_view kTarget = "pts/ptmx";
    for (int tries = 0; tries < 2; ++tries) {
        if (::symlinkat(kTarget.data(), dev, "ptmx") == 0) return {};
        if (errno != EEXIST) break;
        std::array<char, 16> found;
        ssize_t length = ::readlinkat(dev, "ptmx", found.data(), found.size());
        if (length > 0 && std::string_view(found.data(), static_cast<std::size_t>(length)) == kTarget)
            return {};
        if (::unlinkat(dev, "ptmx", 0) < 0) break;
    }
    return Error::last("symlink", "/dev/ptmx");
}

Result<void> make_links(const RootfsPlan& plan) {
    int dev = plan.dev.get();
    URC_TRY_VOID(make_link(dev, "/proc/self/fd", "fd"));
    URC_TRY_VOID(make_link(dev, "/proc/self/fd/0", "stdin"));
    URC_TRY_VOID(make_link(dev, "/proc/self/fd/1", "stdout"));
    URC_TRY_VOID(make_link(dev, "/proc/self/fd/2", "stderr"));
    if (plan.has_core_link) URC_TRY_VOID(make_link(dev, "/proc/kcore", "core"));
    return link_ptmx(dev);
}

bool is_on_devpts(int fd) {
    struct statfs status;
    return ::fstatfs(fd, &status) == 0 && status.f_type == DEVPTS_SUPER_MAGIC;
}

Result<Fd> open_ptmx_in(int dev) {
    // Not through /dev/ptmx: the link may be the image's. O_PATH first, since opening a device acts.
    URC_TRY(Fd path, open_in_root(dev, "pts/ptmx", O_PATH | O_NOFOLLOW));
    struct stat status;
    if (::fstat(path.get(), &status) < 0) return Error::last("open", "/dev/pts/ptmx");
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(5, 2) || !is_on_devpts(path.get()))
        return Error::message("/dev/pts/ptmx is not a pseudo-terminal multiplexer", ENODEV);
    auto ptmx = open_in_root(dev, "pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW);
    if (ptmx.ok() &&
        (::fstat(ptmx->get(), &status) < 0 || status.st_rdev != makedev(5, 2) || !is_on_devpts(ptmx->get())))
        return Error::message("/dev/pts/ptmx is not a pseudo-terminal multiplexer", ENODEV);
    return ptmx;
}

}  // namespace

Result<void> open_dev(RootfsPlan& plan) {
    if (plan.dev) return {};
    auto dev = make_in_root(plan.root.get(), "/dev", Want::real_directory);
    if (!dev.ok()) {
        int code = dev.error().code();
        if (code != ENOTDIR && code != ELOOP) return Error(code, "open", "/dev");
        return Error::message("/dev of the rootfs must be an ordinary directory", code);
    }
    plan.dev = std::move(dev->fd);
    return {};
}

Result<void> make_devices(RootfsPlan& plan) {
    if (!plan.makes_devices) return {};
    URC_TRY_VOID(open_dev(plan));
    for (const DeviceStep& step : plan.devices) URC_TRY_VOID(make_device(plan, step));
    return make_links(plan);
}

Result<Fd> open_ptmx(RootfsPlan& plan) {
    URC_TRY_VOID(open_dev(plan));
    return open_ptmx_in(plan.dev.get());
}

Result<Fd> open_ptmx() {
    URC_TRY(Fd root, open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
    URC_TRY(Fd dev, open_in_root(root.get(), "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW));
    return open_ptmx_in(dev.get());
}

Result<void> bind_console(RootfsPlan& plan, int slave) {
    // A path like /dev/pts/0 can be made to lead elsewhere between its making and the mount
    // (CVE-2025-52565): the descriptor cannot.
    constexpr unsigned kPtsMajors = 136, kPtsMajorsEnd = 144;
    struct stat status;
    if (::fstat(slave, &status) < 0) return Error::last("mount terminal on /dev/console");
    unsigned major_number = major(status.st_rdev);
    if (!S_ISCHR(status.st_mode) || major_number < kPtsMajors || major_number >= kPtsMajorsEnd ||
        !is_on_devpts(slave))
        return Error::message("mount terminal on /dev/console: not a pseudo-terminal", ENOTTY);
    URC_TRY_VOID(open_dev(plan));
    URC_TRY(Fd tree, clone_tree(slave, Tree::single, "mount terminal on /dev/console"));
    if (::mknodat(plan.dev.get(), "console", S_IFREG | 0600, 0) < 0 && errno != EEXIST)
        return Error::last("create", "/dev/console");
    URC_TRY(Fd target, open_in_root(plan.dev.get(), "console", O_PATH | O_NOFOLLOW));
    if (::fstat(target.get(), &status) < 0) return Error::last("mount terminal on /dev/console");
    if (S_ISLNK(status.st_mode))
        return Error::message("mount terminal on /dev/console: it is a symlink", ELOOP);
    return attach(tree.get(), target.get(), "mount terminal on /dev/console");
}

}  // namespace urc::child
