// Joining: by birth on cgroup2 (CLONE_INTO_CGROUP), by writing "0" to `tasks` on v1.
//
// `tasks` and not cgroup.procs: for the writer itself (pid 0) and one thread only, the kernel
// (cgroup_procs_write_start) need not stop all forks and exits of the machine, which after some idle time
// costs an RCU grace period of about 10 ms. A process with one thread is moved as a whole either way.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cgroup/cgroup.h"
#include "core/cgroup/control.h"

namespace urc::cgroup {

Result<void> Cgroup::attach_self(Birth birth) const {
    for (const Directory& directory : directories_) {
        if (directory.is_v2() && birth == Birth::in_cgroup2) continue;
        // On cgroup2 `cgroup.threads` moves only within a threaded subtree.
        const char* file = directory.is_v2() ? "cgroup.procs" : "tasks";
        int dir = directory.fd.get();
        Fd opened;
        // Not made by this process but by its parent, after the clone.
        if (dir < 0) {
            opened = Fd(::open(directory.path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            dir = opened.get();
            if (dir < 0 && is_rootless_ && errno == ENOENT) continue;
            if (dir < 0) return Error::last("open", directory.path);
        }
        int code = try_write(dir, file, "0");
        if (code != 0 && !(is_rootless_ && (code == EACCES || code == EPERM)))
            return write_error(code, directory, file, "0");
    }
    return {};
}

Result<void> Cgroup::repair_for_clone(int clone_errno) {
    const Directory* v2 = nullptr;
    for (const Directory& directory : directories_)
        if (directory.is_v2()) v2 = &directory;
    if (clone_errno != EOPNOTSUPP || v2 == nullptr) return Error(clone_errno, "clone3", v2 ? v2->path : "");
    // "domain invalid": below a threaded cgroup there are only threaded ones.
    URC_TRY(std::string type, read_line(v2->fd.get(), "cgroup.type"));
    if (type != "domain invalid") return Error(clone_errno, "clone3 into a " + type + " cgroup", v2->path);
    return write_control(*v2, "cgroup.type", "threaded");
}

Result<void> Cgroup::delegate(uid_t uid, gid_t gid) const {
    for (const Directory& directory : directories_) {
        if (!directory.is_v2() || !directory.fd) continue;
        int dir = directory.fd.get();
        if (::fchownat(dir, "", uid, gid, AT_EMPTY_PATH) != 0) return Error::last("chown", directory.path);
        auto files = read_control(AT_FDCWD, "/sys/kernel/cgroup/delegate");
        std::string list =
            files.ok() ? std::move(*files) : "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";
        list += '\n';
        for (std::size_t at = 0, end; (end = list.find('\n', at)) != std::string::npos; at = end + 1) {
            std::string file = list.substr(at, end - at);
            // Names of controllers that are not enabled here are in the list as well.
            bool is_done = file.empty() || ::fchownat(dir, file.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) == 0;
            if (!is_done && errno != ENOENT) return Error::last("chown", directory.path + "/" + file);
        }
    }
    return {};
}

}  // namespace urc::cgroup
