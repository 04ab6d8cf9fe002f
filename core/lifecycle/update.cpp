// update: other limits for a container that lives.
#include <unistd.h>

#include "core/cgroup/merge.h"
#include "core/cgroup/snapshot.h"
#include "core/lifecycle/cgroup_manager.h"
#include "core/lifecycle/hold.h"
#include "core/lifecycle/undo.h"
#include "core/spec/parse.h"
#include "core/spec/validate.h"
#include "uring/file.h"

namespace urc {
namespace {

// The rules of v1 are a set that others (drivers of graphics cards) add to behind our back, so they are left
// alone. On cgroup2 the new program replaces ours in one step.
cgroup::DeviceRules device_rules(const Global& global, const cgroup::Cgroup& group,
                                 const spec::Resources& change) {
    if (change.devices.empty()) return cgroup::DeviceRules::keep;
    if (group.version() == cgroup::Version::v2) return cgroup::DeviceRules::replace;
    global.log.warning("update: device rules are not changed on cgroup v1");
    return cgroup::DeviceRules::keep;
}

// All threads of all processes: their groups are threads' own.
Result<void> add_processes(const Global& global, const State& state, const cgroup::Cgroup& group) {
    URC_TRY(std::vector<pid_t> pids, group.pids());
    for (pid_t pid : pids) URC_TRY_VOID(rdt::add_process(global.rdt_host, state.rdt, pid));
    return {};
}

// The shares of cache and memory bandwidth. A container that is in no group of resctrl yet gets one.
Result<void> change_shares(const Global& global, State& state, const cgroup::Cgroup& group,
                           const UpdateOptions& options, Undo& undo) {
    spec::IntelRdt wanted;
    wanted.l3_cache_schema = options.l3_cache_schema;
    wanted.mem_bw_schema = options.mem_bw_schema;
    if (wanted.l3_cache_schema.empty() && wanted.mem_bw_schema.empty()) return {};
    URC_TRY_VOID(rdt::check_schemas(global.rdt_host, wanted, "--l3-cache-schema", "--mem-bw-schema"));
    if (state.rdt.path.empty()) {
        URC_TRY(state.rdt, rdt::make_group(global.rdt_host, wanted, state.id));
        undo.push([&global, made = state.rdt] { (void)rdt::remove_group(global.rdt_host, made); });
        return add_processes(global, state, group);
    }
    URC_TRY(std::string before, rdt::read_schemata(state.rdt));
    undo.push([&global, group = state.rdt, before] {
        spec::IntelRdt old;
        old.schemata.push_back(before);
        (void)rdt::change_schemata(global.rdt_host, group, old);
    });
    return rdt::change_schemata(global.rdt_host, state.rdt, wanted);
}

}  // namespace

Result<spec::Resources> read_resources(const std::string& path) {
    Result<std::string> text = path == "-" ? read_all(STDIN_FILENO, kDocumentSizeMax, "the standard input")
                                           : read_file_at(AT_FDCWD, path.c_str(), kDocumentSizeMax);
    if (!text.ok()) return std::move(text).error();
    return parse_resources(*text);
}

Result<void> update(const Global& global, std::string_view id, const UpdateOptions& options) {
    URC_TRY(Held held, hold(global, id));
    warn_if_rootless(global, held.state, "update");
    if (held.status == Status::stopped) return not_running();
    const spec::Resources& change = options.resources;
    if (change.memory && change.memory->kernel)
        global.log.warning("update: kernel memory settings are ignored");

    cgroup::Merged merged = cgroup::merge(held.state.resources, change);
    URC_TRY_VOID(options.names.empty() ? validate_resources(merged.to_write)
                                       : validate_resources(merged.to_write, options.names));
    URC_TRY(cgroup::Cgroup group, require_cgroup(held.state));
    const cgroup::Snapshot before = cgroup::Snapshot::take(group, merged.to_write);
    Undo undo;
    Result<void> done = change_shares(global, held.state, group, options, undo);
    if (done.ok()) done = set_limits(held.state, group, merged.to_write, device_rules(global, group, change));
    if (done.ok()) {
        merged.in_force.devices.clear();
        held.state.resources = std::move(merged.in_force);
        done = held.dir.save(held.state);
    }
    if (done.ok()) {
        undo.dismiss();
        return done;
    }
    std::string refused = before.restore();
    if (!refused.empty()) global.log.warning("update: taking back what was written: ", refused);
    return done;
}

}  // namespace urc
