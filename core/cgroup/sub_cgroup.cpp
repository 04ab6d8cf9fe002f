#include "core/cgroup/sub_cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "core/cgroup/path.h"

namespace urc::cgroup {

namespace {

Error wrong(const std::string& word, std::string_view why) {
    return Error::message("invalid --cgroup argument: " + word + " (" + std::string(why) + ")");
}

// Refused and not resolved: what looks like a way out shall not depend on what happens to be there.
Result<std::string> clean_below(std::string_view path) {
    for (std::string_view rest = path; !rest.empty();) {
        std::string_view name = rest.substr(0, rest.find('/'));
        if (name == "..") return Error::message("bad sub cgroup path: " + std::string(path));
        rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    }
    return clean_path(path);
}

Result<void> add_each(std::string_view controllers, const std::string& path, const std::string& word,
                      std::vector<SubCgroup>& found) {
    for (;;) {
        std::string_view name = controllers.substr(0, controllers.find(','));
        if (name.empty()) return wrong(word, "empty <controller> prefix");
        auto is_same = [name](const SubCgroup& other) { return other.controller == name; };
        if (std::any_of(found.begin(), found.end(), is_same))
            return wrong(word, "controller " + std::string(name) + " specified multiple times");
        found.push_back({std::string(name), path});
        if (name.size() == controllers.size()) return {};
        controllers.remove_prefix(name.size() + 1);
    }
}

}  // namespace

Result<std::vector<SubCgroup>> parse_sub_cgroups(const std::vector<std::string>& words) {
    std::vector<SubCgroup> found;
    for (const std::string& word : words) {
        std::size_t colon = word.find(':');
        URC_TRY(std::string path, clean_below(std::string_view(word).substr(colon + 1)));
        if (colon != std::string::npos) {
            URC_TRY_VOID(add_each(std::string_view(word).substr(0, colon), path, word, found));
        } else if (words.size() != 1) {
            return wrong(word, "missing <controller>: prefix");
        } else {
            found.push_back({{}, std::move(path)});
        }
    }
    return found;
}

std::string path_below(std::string_view container, std::string_view mount_point,
                       std::string_view proc_cgroup) {
    std::size_t line = proc_cgroup.starts_with("0::") ? 0 : proc_cgroup.find("\n0::");
    if (line == std::string_view::npos || !container.starts_with(mount_point)) return {};
    std::string_view path = proc_cgroup.substr(proc_cgroup.find("0::", line) + 3);
    path = path.substr(0, path.find('\n'));
    std::string_view own = container.substr(mount_point.size());
    if (!path.starts_with(own) || path.size() <= own.size() || path[own.size()] != '/') return {};
    return std::string(path.substr(own.size()));
}

Result<void> Cgroup::descend(std::string_view controller, std::string_view path) {
    auto wanted = parse_controller(controller);
    bool is_known = controller.empty();
    for (Directory& directory : directories_) {
        bool is_meant = controller.empty() || (wanted && directory.controllers.has(*wanted));
        is_known = is_known || is_meant;
        if (!is_meant || path == "/") continue;
        std::string below = directory.path + std::string(path);
        Fd fd(::open(below.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!fd) return Error::last("open", below);
        directory.path = std::move(below);
        directory.fd = std::move(fd);
    }
    if (!is_known) return Error::message("unknown controller " + std::string(controller) + " in --cgroup");
    return {};
}

Result<void> Cgroup::require() const {
    for (const Directory& directory : directories_)
        if (!directory.fd) return Error(ENOENT, "open", directory.path);
    return {};
}

}  // namespace urc::cgroup
