// Taking over directories that somebody else, systemd, has made for a process.
//
// On cgroup2 there is one, and systemd has moved the process into it. On v1 it makes those of the controllers
// that it knows; the other ones are made here, and the process is moved there by us.
#include <fcntl.h>

#include <algorithm>

#include "core/cgroup/cgroup.h"
#include "core/cgroup/control.h"
#include "core/cgroup/path.h"
#include "uring/file.h"

namespace urc::cgroup {

Result<void> Cgroup::adopt(pid_t pid) {
    const std::string number(std::string_view(Number{pid}));
    URC_TRY(std::string own, read_file_at(AT_FDCWD, ("/proc/" + number + "/cgroup").c_str()));
    for (Directory& directory : directories_) {
        const Hierarchy hierarchy{directory.controllers, directory.path.substr(0, directory.mount_length)};
        const std::string wanted = directory.path.substr(directory.mount_length);
        const std::string is_at = own_path(hierarchy, own, {});
        // A unit whose name would be a control file's is kept under another one (cg_escape in systemd).
        if (directory.is_v2() && is_at != wanted && version() == Version::v2)
            return Error::message(
                "systemd has moved the container's init to " + is_at + " instead of " + wanted, EPROTO);
        if (is_at == wanted) {
            directory.fd = Fd(::open(directory.path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (!directory.fd) return Error::last("open", directory.path);
            made_.push_back(directory.path);
            continue;
        }
        URC_TRY_VOID(make_one(directory));
        if (std::find(made_.begin(), made_.end(), directory.path) == made_.end())
            made_.push_back(directory.path);
        URC_TRY_VOID(write_control(directory, "cgroup.procs", number));
    }
    return {};
}

}  // namespace urc::cgroup
