// A cgroup found again from what state.json keeps, and the small questions about one.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/cgroup/cgroup.h"
#include "core/cgroup/path.h"

namespace urc::cgroup {

Result<Cgroup> Cgroup::open(Saved saved, bool is_rootless) {
    Cgroup cgroup;
    cgroup.is_rootless_ = is_rootless;
    cgroup.made_ = std::move(saved.made);
    for (auto& [name, path] : saved.paths) {
        auto controller = parse_controller(name);
        // A runtime newer than this one may have joined more.
        if (!controller || path.empty() || path[0] != '/') continue;
        auto same = std::find_if(cgroup.directories_.begin(), cgroup.directories_.end(),
                                 [&wanted = path](const Directory& other) { return other.path == wanted; });
        if (same != cgroup.directories_.end()) {
            same->controllers.add(*controller);
            continue;
        }
        Directory directory;
        directory.controllers = *controller;
        directory.path = std::move(path);
        directory.fd = Fd(::open(directory.path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!directory.fd && errno != ENOENT) return Error::last("open", directory.path);
        cgroup.directories_.push_back(std::move(directory));
    }
    return cgroup;
}

Saved Cgroup::saved() const {
    Saved saved;
    for (const Directory& directory : directories_) {
        directory.controllers.for_each([&](Controller controller) {
            saved.paths.emplace_back(controller_name(controller), directory.path);
        });
    }
    saved.made = made_;
    return saved;
}

Saved Cgroup::planned() const {
    Saved saved;
    for (const Directory& directory : directories_) {
        std::vector<std::string> missing;  // deepest first
        std::string path = directory.path;
        while (path.size() > directory.mount_length && ::access(path.c_str(), F_OK) < 0 && errno == ENOENT) {
            missing.push_back(path);
            path.resize(parent_path(path).size());
        }
        if (missing.empty()) continue;
        directory.controllers.for_each([&](Controller controller) {
            saved.paths.emplace_back(controller_name(controller), directory.path);
        });
        saved.made.insert(saved.made.end(), missing.rbegin(), missing.rend());
    }
    return saved;
}

Version Cgroup::version() const {
    if (directories_.empty()) return Version::none;
    bool has_v1 =
        std::any_of(directories_.begin(), directories_.end(), [](const Directory& d) { return !d.is_v2(); });
    return has_v1 ? Version::v1 : Version::v2;
}

bool Cgroup::exists() const {
    struct stat status {};
    return std::any_of(directories_.begin(), directories_.end(),
                       [&](const Directory& d) { return ::stat(d.path.c_str(), &status) == 0; });
}

const Directory* Cgroup::directory(Controller controller) const {
    for (const Directory& directory : directories_) {
        // On v2 all controllers are in the one directory.
        bool has = directory.controllers.has(controller) || (directory.is_v2() && directories_.size() == 1);
        if (has && directory.fd) return &directory;
    }
    return nullptr;
}

// Where to look for the container's processes: a v1 host may have any subset of controllers mounted. The
// freezer's comes first, because that is the one that can hold them still.
const Directory* Cgroup::process_directory() const {
    for (Controller controller : {Controller::freezer, Controller::pids, Controller::devices}) {
        if (const Directory* found = directory(controller)) return found;
    }
    for (const Directory& directory : directories_)
        if (directory.fd) return &directory;
    return nullptr;
}

int Cgroup::clone_into_fd() const {
    for (const Directory& directory : directories_)
        if (directory.is_v2()) return directory.fd.get();
    return -1;
}

}  // namespace urc::cgroup
