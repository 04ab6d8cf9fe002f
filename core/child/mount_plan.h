// RootfsPlan: what is to be mounted, made and hidden, worked out in the parent so that the child between
// clone3 and execve has next to nothing left but system calls.
//
// The plan is plain data. The members in the last block belong to the child: it fills them in its own copy of
// the memory (fork); a child that shares the parent's memory must not use them.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/child/mount_options.h"
#include "core/spec/spec.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::child {

// One cgroup hierarchy of the host and the container's place in it.
struct CgroupHierarchy {
    std::string controllers;  // "cpu,cpuacct", "name=systemd"; empty for a cgroup2
    std::string mount_point;  // "/sys/fs/cgroup/cpu,cpuacct"
    std::string own_path;     // "/sys/fs/cgroup/cpu,cpuacct/abc"; empty: the container has no cgroup there
};

struct RootfsOptions {
    std::string_view bundle;
    bool no_pivot = false;
    bool is_userns = false;    // in a user namespace, new, joined or the caller's
    bool is_rootless = false;  // the caller is not root
    bool is_cgroup_v2 = false;
    int joined_user_namespace = -1;        // borrowed: the one that linux.namespaces gives a path for
    std::vector<CgroupHierarchy> cgroups;  // v2: one
};

// The ids that id-mapped mounts show. Mounts with the same maps share a user namespace, which is made for
// them.
struct IdMapping {
    std::vector<spec::IdMapping> uids, gids;  // none: those of the user namespace that is joined
    Fd user_namespace;                        // opened by open_sources()
};

enum class MountKind : std::uint8_t { filesystem, bind, cgroup, remount };

struct MountStep {
    MountKind kind = MountKind::filesystem;
    std::string type;
    std::string source;
    std::string destination;  // absolute, lexically clean: no "..", no trailing slash
    MountOptions options;
    // /proc, /sys, /dev and wherever proc and sysfs go: a symlink there is refused, not followed.
    bool needs_real_directory = false;
    bool takes_mode_of_directory = false;  // a tmpfs without mode=
    bool is_readonly_at_end = false;       // a tmpfs or /dev: it is filled first
    bool is_allowed_in_proc = false;
    int id_mapping = -1;        // which of the plan's; -1: none
    bool is_id_mapped = false;  // source_tree is it already
    std::string mode_text;      // scratch space of the child
    Fd source_tree;             // opened by open_sources()
};

struct DeviceStep {
    std::string path;  // absolute, lexically clean
    mode_t mode = 0;   // with the type
    dev_t number = 0;
    uid_t uid = 0;
    gid_t gid = 0;
    bool has_owner = false;
};

// `key` is already the path below /proc/sys.
struct SysctlStep {
    std::string path;
    std::string value;
};

struct RootfsPlan {
    std::string rootfs;  // absolute or relative to the caller's directory
    bool has_mount_namespace = true;
    bool has_cgroup_namespace = false;
    bool no_pivot = false;
    bool is_userns = false;
    bool is_rootless = false;
    bool is_cgroup_v2 = false;
    bool shows_in_place = false;  // to hooks: attached to `rootfs`, not to "/" (pivot.h)
    bool is_root_readonly = false;
    bool has_core_link = false;  // /proc/kcore exists
    bool makes_devices = true;   // no: /dev is a bind of somebody else's
    std::vector<CgroupHierarchy> cgroups;
    PropagationChange initial_propagation;  // of the copied host mounts, before anything is mounted
    PropagationChange final_propagation;    // type 0: none
    std::vector<MountStep> mounts;
    std::vector<IdMapping> id_mappings;
    int joined_user_namespace = -1;
    std::vector<DeviceStep> devices;
    std::vector<std::string> masked_paths;
    std::vector<std::string> readonly_paths;
    Fd rootfs_tree;  // opened by open_sources()

    // The child's.
    Fd root;                    // the root of the container's file system
    Fd dev;                     // its /dev
    Fd null;                    // a mount of the host's /dev/null
    Fd proc;                    // the mount that is the container's /proc, when urc made it
    bool is_dev_fresh = false;  // an own, empty tmpfs: nothing in it but what the child made
    std::vector<std::pair<Fd, std::string>> readonly_at_end;
};

// "/a//b/../c/" -> "/a/c", "c" -> "/c"; ".." stops at the root.
std::string clean_absolute(std::string_view path);

}  // namespace urc::child
