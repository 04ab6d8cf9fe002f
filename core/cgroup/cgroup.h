// Cgroup: the directories of one container, one in every hierarchy, managed by plain calls on cgroupfs.
//
//   v2   parent: create(), clone3(CLONE_INTO_CGROUP, clone_into_fd()), apply()
//   v1   parent: prepare(), make(), clone3, apply(), "cgroup ready"
//        child:                                                    attach_self(), then CLONE_NEWCGROUP
//
// On a hybrid host the child is born in cgroup2 as well. Where there is only v1, make() may come after the
// clone: the child knows the paths from prepare(). A cgroup namespace shows as root where its maker was, so
// it is unshared after the attachment. All control files are opened relative to an O_PATH descriptor of the
// directory. What is made is remembered (`saved().made`), and remove() takes away exactly that and what is
// below it.
//
// cgroups(7), Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ in the kernel, config-linux.md of the
// runtime-spec.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/cgroup/controller.h"
#include "core/cgroup/layout.h"
#include "core/spec/spec.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::cgroup {

struct CreateOptions {
    // linux.cgroupsPath. Empty: "/ID". Absolute: below the mount point. Relative: below the cgroup of the
    // caller on v1, beside it on v2 (below it no controller could be enabled). ".." never leaves the root.
    std::string_view cgroups_path;
    std::string_view id;
    // No permission (EACCES, EPERM, EROFS) means no cgroup; then apply() fails if there is anything to limit.
    bool is_rootless = false;
};

// What state.json keeps: State::cgroup_paths and State::cgroups_made.
struct Saved {
    std::vector<std::pair<std::string, std::string>> paths;  // controller ("" on cgroup2), absolute path
    std::vector<std::string> made;                           // absolute paths, parents first
};

// Whether apply() replaces the device rules; `update` keeps them.
enum class DeviceRules : std::uint8_t { replace, keep };

// The directory in one hierarchy. `fd` is not open before make(), or when the directory is not there.
struct Directory {
    ControllerSet controllers;
    std::string path;              // absolute
    std::size_t mount_length = 0;  // of the mount point in `path`; 0 when opened from state.json
    Fd fd;                         // O_PATH
    bool is_fresh = false;         // made by us just now: nothing is in it, every control is at its default
    bool is_v2() const { return controllers.has(Controller::unified); }
};

class Cgroup {
public:
    // Works out the directories; touches nothing.
    static Result<Cgroup> prepare(const Layout& layout, const CreateOptions& options);

    // Makes the prepared directories, with their parents. Refuses a cgroup that has processes in it
    // (EBUSY, "container's cgroup is not empty: N process(es) found") or is frozen ("container's cgroup
    // unexpectedly frozen"). v1: cpuset gets its parent's processors. After an error nothing is left.
    Result<void> make();

    // prepare() and make().
    static Result<Cgroup> create(const Layout& layout, const CreateOptions& options);

    // In place of make(), when systemd has made the cgroup that was prepared and moved `pid` into it: opens
    // the directories. v1: makes those of the controllers that systemd does not use, and moves `pid` there.
    // They all count as made here. An Error when `pid` is somewhere else on cgroup2.
    Result<void> adopt(pid_t pid);

    // The cgroup of a container that exists. Directories that are gone are no error: see exists().
    static Result<Cgroup> open(Saved saved, bool is_rootless = false);

    // Writes all limits that are set, in an order that leads only through states that the kernel accepts,
    // also when there are limits already. For an update, `resources` are the merged ones. Zero means "not
    // set" for memory, swap, shares, quota and period, as in runc. Controllers that v2 has but has not
    // enabled here are enabled down the path; one that the host lacks is an Error if a limit needs it.
    Result<void> apply(const spec::Resources& resources, DeviceRules device_rules = DeviceRules::replace);

    // For clone3's CLONE_INTO_CGROUP: the cgroup2 directory, also that of a hybrid host; -1 when there is
    // none or it is not made yet. Borrowed.
    int clone_into_fd() const;

    // clone3 with clone_into_fd() failed with `clone_errno`: repairs what can be repaired (EOPNOTSUPP: a
    // cgroup below a threaded one becomes threaded), after which clone3 may be tried again once. Otherwise
    // the Error of clone3.
    Result<void> repair_for_clone(int clone_errno);

    // Moves the calling process into the v1 hierarchies; it must have one thread. With `in_cgroup2` the
    // cgroup2 directory is left out: clone3 did that. Allocates only on failure. Rootless: hierarchies that
    // refuse are passed by.
    enum class Birth : std::uint8_t { elsewhere, in_cgroup2 };
    Result<void> attach_self(Birth birth) const;

    // exec: ENOENT unless every directory is there. Then further down in the hierarchy of a controller ("":
    // in all), along a clean path ("/a/b"; "/": nothing happens) that has to exist.
    Result<void> require() const;
    Result<void> descend(std::string_view controller, std::string_view path);

    // Gives the v2 directory and the files that the kernel lists as delegatable to the container's root.
    Result<void> delegate(uid_t uid, gid_t gid) const;

    // Removes all cgroups below, the directories, and the parents that were made for them and are empty by
    // now. EBUSY (a process still on its way out) is retried for about two seconds. Gone already is success.
    Result<void> remove();

    // Sends `signal` to every process in it and below. SIGKILL reaches also frozen ones, and those that are
    // being forked meanwhile. No process is not an error.
    Result<void> kill(int signal) const;

    // Every process in it and below, sorted, each once; empty when the cgroup is gone.
    Result<std::vector<pid_t>> pids() const;

    // Return when the kernel says that it is done. ENOENT without a freezer.
    Result<void> freeze() const;
    Result<void> thaw() const;
    // False when there is no freezer or no cgroup.
    Result<bool> is_frozen() const;

    // Whether a directory is there.
    bool exists() const;

    Version version() const;
    Saved saved() const;

    // Between prepare() and make(): what saved() will be, of that only what is not there yet.
    Saved planned() const;

    // The directory that has the controller; nullptr if there is none. For statistics, exec and events.
    const Directory* directory(Controller controller) const;

private:
    Cgroup() = default;
    const Directory* process_directory() const;
    Directory* find(Controller controller);
    Result<void> make_all();
    Result<void> make_one(Directory& directory);
    Result<void> make_directory(Directory& directory);
    Result<void> check_unused() const;
    Result<void> apply_all(const spec::Resources& resources, DeviceRules device_rules);
    Result<void> missing(Controller controller) const;

    std::vector<Directory> directories_;
    std::vector<std::string> made_;
    // Why hierarchies are missing from a rootless cgroup.
    std::vector<std::pair<ControllerSet, Error>> denied_;
    bool is_rootless_ = false;
};

}  // namespace urc::cgroup
