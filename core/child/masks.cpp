#include "core/child/masks.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/child/mount_calls.h"
#include "core/child/resolver.h"

namespace urc::child {

namespace {

// What does not exist needs no hiding; every other failure must be one, or it would stay visible.
bool is_absent(int code) {
    return code == ENOENT || code == ENOTDIR;
}

// A detached mount can be attached once, and until Linux 6.15 a copy can only be taken from an attached one:
// so the first use is the mount itself, and every later one a copy of the one in place.
class Cover {
public:
    explicit Cover(Fd first) : mount_(std::move(first)) {}

    Result<void> put_over(int target, std::string_view step) {
        if (!is_attached_) {
            URC_TRY_VOID(attach(mount_.get(), target, step));
            is_attached_ = true;
            return {};
        }
        URC_TRY(Fd copy, clone_tree(mount_.get(), Tree::single, step));
        return attach(copy.get(), target, step);
    }
    bool is_open() const { return mount_.is_open(); }

private:
    Fd mount_;
    bool is_attached_ = false;
};

Result<void> make_readonly(RootfsPlan& plan, const std::string& path) {
    auto target = open_in_root(plan.root.get(), path.c_str(), O_PATH);
    if (!target.ok()) {
        if (is_absent(target.error().code())) return {};
        return Error(target.error().code(), "make read-only", path);
    }
    std::string step = "make read-only: " + path;
    URC_TRY(Fd tree, clone_tree(target->get(), Tree::recursive, step));
    if (set_mount(tree.get(), 0, {MOUNT_ATTR_RDONLY, 0}) < 0) return Error::last(step);
    return attach(tree.get(), target->get(), step);
}

Result<void> mask(RootfsPlan& plan, const std::string& path, Cover& null, Cover& directory) {
    auto target = open_in_root(plan.root.get(), path.c_str(), O_PATH);
    if (!target.ok()) {
        if (is_absent(target.error().code())) return {};
        return Error(target.error().code(), "mask", path);
    }
    struct stat status;
    if (::fstat(target->get(), &status) < 0) return Error::last("mask", path);
    std::string step = "mask: " + path;
    if (!S_ISDIR(status.st_mode)) return null.put_over(target->get(), step);
    if (!directory.is_open()) {
        constexpr std::uint64_t kEmpty =
            MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
        URC_TRY(Fd empty, make_filesystem("tmpfs", "tmpfs", {{"nr_inodes", "1", true}, {"mode", "755", true}},
                                          kEmpty, step));
        directory = Cover(std::move(empty));
    }
    return directory.put_over(target->get(), step);
}

}  // namespace

Result<void> open_null(RootfsPlan& plan) {
    if (plan.masked_paths.empty()) return {};
    URC_TRY(Fd null, clone_tree("/dev/null", Tree::single, "mask: open /dev/null of the host"));
    struct stat status;
    if (::fstat(null.get(), &status) < 0) return Error::last("mask: /dev/null of the host");
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
        return Error::message("mask: /dev/null of the host is not the null device", ENODEV);
    // It is the host's own inode: root of the container must not change its mode or owner. A device can be
    // written to through a read-only mount all the same.
    constexpr std::uint64_t kSafe = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    if (set_mount(null.get(), 0, {kSafe, 0}, MS_PRIVATE) < 0)
        return Error::last("mask: /dev/null of the host");
    plan.null = std::move(null);
    return {};
}

Result<void> make_readonly_paths(RootfsPlan& plan) {
    for (const std::string& path : plan.readonly_paths) URC_TRY_VOID(make_readonly(plan, path));
    return {};
}

Result<void> make_masks(RootfsPlan& plan) {
    Cover null(std::move(plan.null));
    Cover directory{Fd()};
    for (const std::string& path : plan.masked_paths) URC_TRY_VOID(mask(plan, path, null, directory));
    return {};
}

}  // namespace urc::child
