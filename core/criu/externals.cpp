#include "core/criu/externals.h"

#include <fcntl.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "core/child/resolver.h"
#include "core/json_writer.h"
#include "core/process/namespaces.h"
#include "core/spec/text.h"
#include "uring/file.h"

namespace urc::criu {

namespace {

using spec::NamespaceType;

constexpr std::size_t kDescriptorsSizeMax = 64 << 10;

Result<std::string> path_of(int fd) {
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    char path[PATH_MAX];
    const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
    if (length < 0) return Error::last("readlink", link);
    return std::string(path, static_cast<std::size_t>(length));
}

// The place that a destination means when the links in the rootfs are followed (/var/run may be /run): criu
// knows mounts by that. What is not there, below a tmpfs of the container, is taken as it is written.
std::string place_of(int rootfs, std::string_view base, const std::string& destination) {
    for (std::size_t end = destination.size(); end > 0; end = destination.rfind('/', end - 1)) {
        auto opened = child::open_in_root(rootfs, destination.substr(0, end).c_str(), O_PATH);
        if (!opened.ok()) continue;
        auto path = path_of(opened->get());
        if (!path.ok() || !path->starts_with(base)) break;
        return path->substr(base.size()) + destination.substr(end);
    }
    return destination;
}

// Calls `act(place, source)` for every mount of the plan that is a bind, or shows one.
template <typename Act>
void each_bind(const child::RootfsPlan& plan, Act act) {
    auto rootfs = open_at(AT_FDCWD, plan.rootfs.c_str(), O_PATH | O_DIRECTORY);
    auto base = rootfs.ok() ? path_of(rootfs->get()) : Result<std::string>(rootfs.error());
    auto place = [&](const std::string& destination) {
        return base.ok() ? place_of(rootfs->get(), *base, destination) : destination;
    };
    for (const child::MountStep& step : plan.mounts) {
        if (step.kind == child::MountKind::bind) act(place(step.destination), step.source);
        // Without a cgroup namespace the container's own directories are bound (child/cgroup_mount.cpp).
        if (step.kind != child::MountKind::cgroup || plan.has_cgroup_namespace) continue;
        for (const child::CgroupHierarchy& hierarchy : plan.cgroups) {
            if (hierarchy.own_path.empty()) continue;
            const std::string name =
                plan.is_cgroup_v2 ? "" : hierarchy.mount_point.substr(hierarchy.mount_point.rfind('/'));
            act(place(step.destination) + name, hierarchy.own_path);
        }
    }
    // In a user namespace the device nodes are binds of the host's.
    for (const child::DeviceStep& device : plan.devices) act(device.path, device.path);
}

bool is_masked_file(int root, const std::string& path) {
    auto opened = child::open_in_root(root, path.c_str(), O_PATH);
    struct stat status;
    return opened.ok() && ::fstat(opened->get(), &status) == 0 && !S_ISDIR(status.st_mode);
}

// The words for the namespaces that criu takes as descriptors.
const char* external_key(NamespaceType type) {
    if (type == NamespaceType::network) return "extRootNetNS";
    if (type == NamespaceType::pid) return "extRootPidNS";
    return nullptr;
}

Result<std::vector<std::string>> parse_strings(std::string text) {
    namespace od = simdjson::ondemand;
    const Error malformed = Error::message("descriptors.json: not an array of strings");
    text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    od::parser parser;
    od::document document;
    od::array array;
    if (parser.iterate(text).get(document) || document.get_array().get(array)) return malformed;
    std::vector<std::string> strings;
    for (auto element : array) {
        std::string_view one;
        if (element.get_string().get(one)) return malformed;
        strings.emplace_back(one);
    }
    return strings;
}

}  // namespace

std::vector<ExternalMount> mounts_to_dump(const child::RootfsPlan& plan, int container_root) {
    std::vector<ExternalMount> mounts;
    each_bind(plan, [&](const std::string& place, const std::string&) { mounts.push_back({place, place}); });
    for (const std::string& path : plan.masked_paths)
        if (is_masked_file(container_root, path)) mounts.push_back({path, "/dev/null"});
    return mounts;
}

std::vector<ExternalMount> mounts_to_restore(const child::RootfsPlan& plan) {
    std::vector<ExternalMount> mounts;
    each_bind(plan, [&](const std::string& place, const std::string& source) {
        mounts.push_back({place, source});
    });
    if (!plan.masked_paths.empty()) mounts.push_back({"/dev/null", "/dev/null"});
    return mounts;
}

Result<std::vector<std::string>> namespaces_to_dump(const std::vector<spec::Namespace>& namespaces) {
    std::vector<std::string> words;
    for (const spec::Namespace& ns : namespaces) {
        const char* key = external_key(ns.type);
        if (!key || ns.path.empty()) continue;
        struct stat status;
        if (::stat(ns.path.c_str(), &status) < 0) return Error::last("stat namespace", ns.path);
        words.push_back(std::string(process::proc_name(ns.type)) + "[" + std::to_string(status.st_ino) +
                        "]:" + key);
    }
    return words;
}

Result<NamespacesToRestore> namespaces_to_restore(const std::vector<spec::Namespace>& namespaces) {
    NamespacesToRestore restored;
    for (const spec::Namespace& ns : namespaces) {
        if (ns.path.empty()) continue;
        if (ns.type == NamespaceType::cgroup || ns.type == NamespaceType::time)
            return Error::message(
                "criu cannot join a " + std::string(process::proc_name(ns.type)) + " namespace: " + ns.path,
                ENOTSUP);
        auto fd = process::open_namespace(ns.type, ns.path);
        if (!fd) {
            const auto index = static_cast<std::size_t>(&ns - namespaces.data());
            return std::move(fd).error().context(spec::indexed("linux.namespaces", index) + ".path");
        }
        if (const char* key = external_key(ns.type)) {
            restored.keys.emplace_back(key);
            restored.fds.push_back(std::move(*fd));
        } else {
            restored.joins.emplace_back(process::proc_name(ns.type), ns.path);
        }
    }
    return restored;
}

Result<std::vector<std::pair<std::string, std::string>>> cgroup_roots(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/cgroup";
    URC_TRY(const std::string text, read_file_at(AT_FDCWD, path.c_str()));
    std::vector<std::pair<std::string, std::string>> roots;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));  // "4:cpu,cpuacct:/abc"
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == line.npos || second == line.npos) continue;
        std::string_view controllers = line.substr(first + 1, second - first - 1);
        for (;;) {
            const std::string_view one = controllers.substr(0, controllers.find(','));
            roots.emplace_back(one, line.substr(second + 1));
            if (one.size() == controllers.size()) break;
            controllers.remove_prefix(one.size() + 1);
        }
    }
    return roots;
}

Result<void> write_descriptors(int images, const std::array<std::string, 3>& names) {
    std::string text;
    JsonWriter json(text);
    json.begin_array();
    for (const std::string& name : names) json.string(name);
    json.end_array();
    URC_TRY(Fd file, open_at(images, kDescriptorsFile, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    return write_all(file.get(), text, kDescriptorsFile);
}

Result<std::vector<InheritedFd>> read_inherited_pipes(int images) {
    URC_TRY(std::string text, read_file_at(images, kDescriptorsFile, kDescriptorsSizeMax));
    URC_TRY(const std::vector<std::string> names, parse_strings(std::move(text)));
    std::vector<InheritedFd> inherited;
    for (std::size_t i = 0; i < names.size() && i < 3; ++i)
        if (names[i].find("pipe:") != std::string::npos) inherited.push_back({names[i], static_cast<int>(i)});
    return inherited;
}

}  // namespace urc::criu
