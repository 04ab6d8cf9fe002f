#include "core/cgroup/layout.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <memory>

#include "core/cgroup/path.h"
#include "core/mountinfo.h"
#include "uring/file.h"

namespace urc::cgroup {

namespace {

bool is_on(const char* path, long magic) {
    struct statfs fs {};
    return ::statfs(path, &fs) == 0 && fs.f_type == magic;
}

struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

// v1 and hybrid: the directories are named after the controllers; links (cpu -> cpu,cpuacct) only
// give one a second name.
Layout read_mount_root(const char* mount_root) {
    std::vector<Hierarchy> found;
    bool has_v1 = false;
    std::unique_ptr<DIR, CloseDir> dir(::opendir(mount_root));
    while (dir) {
        const dirent* entry = ::readdir(dir.get());
        if (entry == nullptr) break;
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        std::string path = std::string(mount_root) + "/" + entry->d_name;
        ControllerSet controllers = parse_controllers(entry->d_name);
        struct statfs fs {};
        if (::statfs(path.c_str(), &fs) != 0) continue;
        if (fs.f_type == CGROUP2_SUPER_MAGIC) {
            found.push_back({Controller::unified, std::move(path)});
        } else if (fs.f_type == CGROUP_SUPER_MAGIC && !controllers.empty()) {
            found.push_back({controllers, std::move(path)});
            has_v1 = true;
        }
    }
    return {has_v1 ? Version::v1 : Version::none, std::move(found)};
}

}  // namespace

Layout parse_mountinfo(std::string_view mountinfo) {
    std::vector<Hierarchy> found;
    bool has_v1 = false;
    while (!mountinfo.empty()) {
        MountLine mount = take_mount_line(mountinfo);
        ControllerSet controllers;
        if (mount.type == "cgroup2") controllers = Controller::unified;
        if (mount.type == "cgroup") controllers = parse_controllers(mount.super_options);
        if (controllers.empty()) continue;
        bool is_second = std::any_of(found.begin(), found.end(), [&](const Hierarchy& other) {
            return other.controllers == controllers;
        });
        if (is_second) continue;
        has_v1 = has_v1 || mount.type == "cgroup";
        found.push_back({controllers, unescape_octal(mount.point)});
    }
    Version version = has_v1 ? Version::v1 : found.empty() ? Version::none : Version::v2;
    return {version, std::move(found)};
}

Result<Layout> Layout::detect(const char* mount_root) {
    if (is_on(mount_root, CGROUP2_SUPER_MAGIC)) {
        std::vector<Hierarchy> one;
        one.push_back({Controller::unified, mount_root});
        return Layout(Version::v2, std::move(one));
    }
    Layout usual = read_mount_root(mount_root);
    if (usual.version() != Version::none) return usual;
    URC_TRY(std::string mountinfo, read_file_at(AT_FDCWD, "/proc/self/mountinfo", std::size_t{64} << 20));
    return parse_mountinfo(mountinfo);
}

std::string own_path(const Hierarchy& hierarchy, std::string_view proc_cgroup, std::string_view mountinfo) {
    std::string path = "/";
    while (!proc_cgroup.empty()) {
        std::string_view line = take_until(proc_cgroup, '\n');  // 4:cpu,cpuacct:/a/b, and 0::/a/b for cgroup2
        std::string_view id = take_until(line, ':');
        std::string_view names = take_until(line, ':');
        bool is_this = hierarchy.is_v2()
                           ? id == "0" && names.empty()
                           : !names.empty() && parse_controllers(names) == hierarchy.controllers;
        if (is_this) path = clean_path(line);
    }
    // A mount may show only a part of the hierarchy, as inside a container without a cgroup namespace.
    while (!mountinfo.empty()) {
        MountLine mount = take_mount_line(mountinfo);
        if (mount.type.substr(0, 6) != "cgroup" || unescape_octal(mount.point) != hierarchy.mount_point)
            continue;
        std::string root = clean_path(unescape_octal(mount.root));
        if (root == "/") return path;
        bool is_below = path.compare(0, root.size(), root) == 0 &&
                        (path.size() == root.size() || path[root.size()] == '/');
        return is_below ? clean_path(std::string_view(path).substr(root.size())) : "/";
    }
    return path;
}

}  // namespace urc::cgroup
