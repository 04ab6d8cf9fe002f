#include "core/child/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <string>

#include "core/child/mount_calls.h"
#include "core/child/resolver.h"
#include "uring/file.h"

namespace urc::child {

namespace {

constexpr std::uint64_t kProcAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr ino_t kProcRoot = 1;  // PROC_ROOT_INO of the kernel

Result<void> verify(int fd) {
    struct statfs filesystem;
    struct stat status;
    if (::fstatfs(fd, &filesystem) < 0 || ::fstat(fd, &status) < 0) return Error::last("open", "/proc");
    if (filesystem.f_type != PROC_SUPER_MAGIC || status.st_ino != kProcRoot)
        return Error::message("/proc is not a procfs", EXDEV);
    return {};
}

}  // namespace

Result<Procfs> Procfs::open() {
    auto made = make_filesystem("proc", "", {}, kProcAttributes, "mount a private procfs");
    if (made.ok()) return Procfs(std::move(*made));
    // EPERM: the kernel shows a user namespace nothing new of /proc when part of it is covered.
    if (made.error().code() != EPERM) return std::move(made).error();
    URC_TRY(Fd mounted, open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW));
    URC_TRY_VOID(verify(mounted.get()));
    return Procfs(std::move(mounted));
}

Result<Procfs> Procfs::on_mount(int mount) {
    URC_TRY_VOID(verify(mount));
    Fd again(::fcntl(mount, F_DUPFD_CLOEXEC, 3));
    if (!again) return Error::last("open", "/proc");
    return Procfs(std::move(again));
}

Result<Fd> Procfs::open_file(std::string_view path, int flags) const {
    return open_resolved(root_.get(), std::string(path).c_str(), static_cast<std::uint64_t>(flags),
                         RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
}

Result<void> Procfs::write(std::string_view path, std::string_view bytes) const {
    std::string object = "/proc/" + std::string(path);
    auto file = open_file(path, O_WRONLY);
    if (!file.ok()) return Error(file.error().code(), "open", object);
    ssize_t written = ::write(file->get(), bytes.data(), bytes.size());
    if (written < 0) return Error::last("write", object);
    if (static_cast<std::size_t>(written) != bytes.size()) return Error(EIO, "write", object);
    return {};
}

}  // namespace urc::child
