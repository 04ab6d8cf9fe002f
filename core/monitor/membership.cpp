#include "core/monitor/membership.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "core/lifecycle/hold.h"
#include "core/notify/sender.h"
#include "uring/file.h"

namespace urc::monitor {

namespace {

// "pid:[4026531836]"
std::string pid_namespace(pid_t pid) {
    char text[64];
    const std::string path = "/proc/" + std::to_string(pid) + "/ns/pid";
    const ssize_t length = ::readlink(path.c_str(), text, sizeof text);
    return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

std::vector<pid_t> pids_of(const State& state) {
    if (state.cgroup_paths.empty()) return {};
    auto group = open_cgroup(state);
    if (!group.ok()) return {};
    auto pids = group->pids();
    return pids.ok() ? std::move(*pids) : std::vector<pid_t>();
}

// The container's own cgroup as /proc/PID/cgroup has it, wherever below it the init may have gone. Empty when
// it has none, or has not joined it yet: on cgroup v1 the init does that itself, some time after its clone.
std::string own_group(const State& state) {
    if (state.cgroup_paths.empty()) return {};
    const auto& [controller, directory] = state.cgroup_paths[0];
    const std::string name = directory.substr(std::min(directory.rfind('/'), directory.size())) + "/";
    const std::string group = notify::cgroup_of(state.init.pid, controller) + "/";
    const std::size_t at = name.size() > 1 ? group.rfind(name) : group.npos;
    return at == group.npos ? std::string() : group.substr(0, at + name.size() - 1);
}

}  // namespace

void describe_membership(const State& state, notify::ProxyOptions& options) {
    const pid_t init = state.init.pid;
    const std::string own = pid_namespace(init);
    const bool has_own = !own.empty() && own != pid_namespace(::getpid());
    // Without a cgroup of its own: a rootless container is in that of its caller, which may be "/",
    // everybody's.
    options.is_member = [state, own, has_own, group = own_group(state)](pid_t pid) mutable {
        if (group.empty()) group = own_group(state);
        if (!group.empty()) return notify::is_in_cgroup(pid, group, state.cgroup_paths[0].first);
        return !has_own || pid_namespace(pid) == own;
    };
    options.translate = [state](pid_t sender, pid_t inside) {
        const std::vector<pid_t> candidates = pids_of(state);
        return notify::translate_pid(sender, inside, candidates);
    };
    // Now: what it says last may be read when it has gone.
    options.monotonic_offset = [offset = notify::monotonic_offset(init)] { return offset; };
}

}  // namespace urc::monitor
