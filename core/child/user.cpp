// From root of the container to the user that its process asks for: stdio, directory, ids, capabilities.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/child/launch.h"

namespace urc::child {

namespace {

bool is_null(const struct stat& status) {
    return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

// The container's own null device in place of the host's, which lies on a mount that the container does not
// have: criu could not say where it came from. Without one of its own, the host's has to do.
Result<void> replace_null(int fd) {
    // tidy-ok paths-go-through-the-resolver: in the container's root, after the pivot
    Fd null(::open("/dev/null", O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC));
    struct stat status;
    if (!null || ::fstat(null.get(), &status) < 0 || !is_null(status)) return {};
    // O_NONBLOCK was for what else may be at that place.
    if (::fcntl(null.get(), F_SETFL, 0) < 0 || ::dup3(null.get(), fd, 0) < 0)
        return Error::last("open /dev/null");
    return {};
}

}  // namespace

Result<void> take_stdio(const Launch& launch) {
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        int given = launch.stdio[static_cast<std::size_t>(fd)];
        if (given >= 0 && ::dup3(given, fd, 0) < 0) return Error::last("dup3", "stdio");
    }
    return {};
}

// A process must be able to open /dev/stdout again, so pipes and files given as stdio become its user's.
// The null device stays everybody's.
Result<void> own_stdio(const spec::User& user) {
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        struct stat status;
        if (::fstat(fd, &status) < 0) {
            if (errno == EBADF) continue;
            return Error::last("fstat", "stdio");
        }
        if (is_null(status)) {
            URC_TRY_VOID(replace_null(fd));
            continue;
        }
        if (status.st_uid == user.uid) continue;
        if (::fchown(fd, user.uid, status.st_gid) == 0) continue;
        // EINVAL: an inode whose owner is not mapped in our user namespace, or a socket. EPERM, EROFS: not
        // ours to give away. The process can still use the descriptor as it is.
        if (errno != EINVAL && errno != EPERM && errno != EROFS) return Error::last("fchown", "stdio");
    }
    return {};
}

// Also proves that the directory is inside: a path through a leaked descriptor would end on the host
// (CVE-2024-21626), and getcwd(2) then answers a path that does not start with a slash.
Result<void> enter_cwd(const std::string& cwd) {
    if (::chdir(cwd.c_str()) < 0) return Error::last("chdir to cwd", cwd);
    char path[4096];
    long length = ::syscall(SYS_getcwd, path, sizeof path);
    if (length < 0) return Error::last("getcwd", cwd);
    if (path[0] != '/')
        return Error::message(
            "chdir to cwd: " + cwd + ": outside of the container's root, a container breakout was tried",
            EPERM);
    return {};
}

Result<void> drop_bounding(const spec::Process& process) {
    // No capabilities in the configuration means none for the container, as with runc.
    const std::uint64_t kept = process.capabilities ? process.capabilities->bounding : 0;
    // EINVAL tells the last capability that the kernel knows; names beyond it mean nothing here.
    for (unsigned long capability = 0; capability < 64; ++capability) {
        if (kept >> capability & 1) continue;
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
        if (errno == EINVAL) break;
        // Without CAP_SETPCAP the set cannot be made smaller; fine if it is out of it already.
        if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 0)
            return Error::last("drop capability " + std::to_string(capability) + " from the bounding set");
    }
    return {};
}

// setgroups, gid, uid, in the only order that works. The permitted set survives the change of uid
// (SECBIT_KEEP_CAPS) and is made effective again: the last page still needs it, and ends with the sets that
// were asked for.
Result<void> become_user(const Launch& launch) {
    const spec::User& user = launch.process->user;
    ::umask(user.umask.value_or(0022));

    if (launch.is_setgroups_denied) {
        if (!user.additional_gids.empty())
            return Error(EPERM, "setgroups",
                         "process.user.additionalGids in a user namespace with one mapped group");
    } else if (::setgroups(user.additional_gids.size(), user.additional_gids.data()) < 0) {
        // In a user namespace that was joined it may be forbidden; to drop nothing more is what was asked
        // for.
        if (errno != EPERM || !launch.is_in_user || !user.additional_gids.empty())
            return Error::last("setgroups", "process.user.additionalGids");
    }
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return Error::last("keep capabilities");
    if (::setresgid(user.gid, user.gid, user.gid) < 0)
        return Error::last("setresgid", "process.user.gid " + std::to_string(user.gid));
    if (::setresuid(user.uid, user.uid, user.uid) < 0)
        return Error::last("setresuid", "process.user.uid " + std::to_string(user.uid));
    ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return {};
}

// Makes all that is permitted effective again, after the change of user cleared it.
Result<std::uint64_t> raise_permitted() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    if (::syscall(SYS_capget, &header, data) < 0) return Error::last("capget");
    for (auto& word : data) word.effective = word.permitted;
    if (::syscall(SYS_capset, &header, data) < 0) return Error::last("capset", "permitted capabilities");
    return static_cast<std::uint64_t>(data[1].permitted) << 32 | data[0].permitted;
}

}  // namespace urc::child
