#include "core/lifecycle/notify_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "uring/file.h"

namespace urc {

namespace {

constexpr std::string_view kDestination = "/run/notify";

std::string_view value_of(const std::vector<std::string>& env, std::string_view name) {
    std::string_view value;
    for (const std::string& entry : env)
        if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
            value = std::string_view(entry).substr(name.size() + 1);
    return value;
}

// Whether a mount of the configuration is at `path` or above it, other than the root and the usual tmpfs.
bool is_mounted(const spec::Spec& spec, std::string_view path) {
    return std::any_of(spec.mounts.begin(), spec.mounts.end(), [path](const spec::Mount& mount) {
        const std::string_view at = mount.destination;
        return at.size() > 1 && path.starts_with(at) &&
               (path.size() == at.size() || path[at.size()] == '/') && mount.type != "tmpfs";
    });
}

bool has_mount_namespace(const spec::Spec& spec) {
    return spec.linux.find(spec::NamespaceType::mount) != nullptr;
}

}  // namespace

NotifyOptions find_manager() {
    auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value ? value : "");
    };
    NotifyOptions manager;
    manager.socket = variable("NOTIFY_SOCKET");
    // sd_watchdog_enabled(3): without a number it is meant for everybody.
    const std::string watched = variable("WATCHDOG_PID");
    if (watched.empty() || watched == std::to_string(::getpid()))
        manager.watchdog_usec = variable("WATCHDOG_USEC");
    manager.fdstore = variable("FDSTORE");
    return manager;
}

NotifyPlace place_notify_socket(const spec::Spec& spec, const NotifyOptions& options, const std::string& root,
                                const std::string& id) {
    NotifyPlace place;
    place.source = root + "/" + id + "/" + kNotifyDirectory;
    const std::string_view given = value_of(spec.process->env, "NOTIFY_SOCKET");
    place.is_taken = given.starts_with('/') && is_mounted(spec, given);
    place.name = options.is_at_host_path ? "notify" : "notify.sock";
    // An abstract name or a vsock address is only text here.
    if (options.is_at_host_path)
        place.destination = options.socket.starts_with('/') ? options.socket : "/" + options.socket;
    else
        place.destination = kDestination;
    if (!has_mount_namespace(spec)) place.destination.clear();
    place.path = (place.destination.empty() ? place.source : place.destination) + "/" + place.name;
    return place;
}

Result<Fd> make_notify_directory(const StateDir& dir) {
    if (::mkdirat(dir.fd(), kNotifyDirectory, 0755) < 0 && errno != EEXIST)
        return Error::last("mkdir", kNotifyDirectory);
    URC_TRY(Fd directory, open_at(dir.fd(), kNotifyDirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (::fchmod(directory.get(), 0755) < 0) return Error::last("fchmod", kNotifyDirectory);
    return directory;
}

void set_variable(std::vector<std::string>& env, std::string_view name, std::string_view value) {
    std::erase_if(env, [name](const std::string& entry) {
        return entry.starts_with(name) && entry.size() > name.size() && entry[name.size()] == '=';
    });
    env.push_back(std::string(name) + "=" + std::string(value));
}

void add_notify_socket(spec::Spec& spec, const NotifyOptions& options, const NotifyPlace& place) {
    if (!place.destination.empty())
        spec.mounts.push_back({.destination = place.destination,
                               .type = "bind",
                               .source = place.source,
                               .options = {"bind", "ro", "nosuid", "nodev", "noexec", "rprivate"},
                               .uid_mappings = {},
                               .gid_mappings = {}});
    std::vector<std::string>& env = spec.process->env;
    set_variable(env, "NOTIFY_SOCKET", place.path);
    if (!options.watchdog_usec.empty()) set_variable(env, "WATCHDOG_USEC", options.watchdog_usec);
    if (options.allows_fdstore && !options.fdstore.empty()) set_variable(env, "FDSTORE", options.fdstore);
}

}  // namespace urc
