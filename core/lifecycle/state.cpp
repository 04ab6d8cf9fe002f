// state: how one container is. Takes no lock and needs no cgroup: CRI-O takes a failing `state` for a
// container that has stopped.
#include "core/cgroup/cgroup.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/find.h"
#include "core/lifecycle/view.h"
#include "core/number.h"
#include "core/timestamp.h"
#include "uring/file.h"

namespace urc {
namespace {

// getpwuid(3) would load NSS modules, which a static program cannot; passwd(5) is enough here.
std::string user_name(uid_t uid) {
    constexpr std::size_t kPasswdSizeMax = 16 << 20;
    auto passwd = read_file_at(AT_FDCWD, "/etc/passwd", kPasswdSizeMax);
    std::string_view rest = passwd ? std::string_view(passwd.value()) : std::string_view();
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const std::size_t name_end = line.find(':');
        const std::size_t id_begin = line.find(':', name_end + 1);
        if (name_end == line.npos || id_begin == line.npos) continue;
        const std::string_view id = line.substr(id_begin + 1, line.find(':', id_begin + 1) - id_begin - 1);
        if (parse_number<uid_t>(id) == uid) return std::string(line.substr(0, name_end));
    }
    return std::to_string(uid);
}

}  // namespace

StateView make_view(const StateDir& dir, const State& state) {
    StateView view;
    view.id = dir.id();
    view.status = compute_status(dir, state, is_frozen);
    // `create` and `run` keep the lock until all is there; then come startContainer hooks and the program. (A
    // restored process has never executed anything, either.)
    if (view.status == Status::running && !state.is_restored) {
        auto init = read_process_stat(state.init.pid);
        if (init.ok() && !init->has_executed)
            view.status = dir.is_locked() ? Status::creating : Status::created;
    }
    view.pid = view.status == Status::stopped ? 0 : state.init.pid;
    if (view.status != Status::stopped) view.ports = state.ports;
    view.bundle = state.bundle;
    view.rootfs = state.rootfs;
    view.created = rfc3339(state.created, 9);
    view.annotations = state.annotations;
    view.owner = user_name(state.owner);
    if (is_alive(state.monitor)) view.monitor_pid = state.monitor.pid;
    return view;
}

Result<StateView> state(const Global& global, std::string_view id) {
    URC_TRY(Store store, Store::open(global.root));
    URC_TRY(StateDir dir, store.find(id));
    auto loaded = load_container(dir);
    if (!loaded && loaded.error().code() == ENOENT) {
        if (dir.is_locked()) {
            StateView view;
            view.id = dir.id();
            view.status = Status::creating;
            return view;
        }
        loaded = load_container(dir);  // its creator may just have finished
    }
    if (!loaded) return std::move(loaded).error();
    return make_view(dir, *loaded);
}

}  // namespace urc
