// What a launch does while its child sets itself up.
#include "core/lifecycle/launcher.h"

#include <fcntl.h>

#include <algorithm>

#include "core/hooks/hook.h"
#include "core/lifecycle/cgroup_manager.h"
#include "core/lifecycle/delegate.h"
#include "core/lifecycle/rootless.h"
#include "core/network/devices.h"
#include "core/process/id_map.h"
#include "core/process/limits.h"
#include "core/process/namespaces.h"
#include "core/process/unix_socket.h"
#include "core/rdt/group.h"
#include "uring/file.h"

namespace urc {

// While the init has one thread; hooks and the program come after it.
Result<void> Launcher::join_rdt_group() {
    auto joined = rdt::add_thread(global_.rdt_host, state_.rdt, init_.pid);
    return joined ? joined : std::move(joined).error().context("Intel RDT");
}

Result<void> Launcher::map_ids() {
    if (!child_.has_new_user) return {};
    // Only a caller with CAP_SYS_RESOURCE on the host may raise a hard limit, and the child is about to lose
    // it.
    URC_TRY_VOID(process::raise_hard_limits(init_.pid, spec_.process->rlimits));
    auto mapped = process::write_id_maps(init_.pid, {spec_.linux.uid_mappings, spec_.linux.gid_mappings});
    if (!mapped.ok()) return std::move(mapped).error().context("id maps");
    return channel_.send(process::Message::ids_mapped);
}

Result<void> Launcher::move_network_devices() {
    if (spec_.linux.net_devices.empty()) return {};
    const std::string& path = spec_.linux.find(spec::NamespaceType::network)->path;
    std::string own = "/proc/" + std::to_string(init_.pid) + "/ns/net";
    auto target = path.empty() ? open_at(AT_FDCWD, own.c_str(), O_RDONLY)
                               : process::open_namespace(spec::NamespaceType::network, path);
    // ENOENT: the child has ended, and said why.
    if (!target.ok() && path.empty() && target.error().code() == ENOENT) return Error(EPIPE, "open", own);
    if (!target.ok()) return std::move(target).error();
    URC_TRY_VOID(network::move_devices(spec_.linux.net_devices, target->get()));
    return channel_.send(process::Message::network_ready);
}

// While the child waits for our word: once its program runs it may end any time. One that it joins was opened
// before it was there.
Result<void> Launcher::open_network_namespace() {
    const auto is_relayed = [](const ports::BoundPort& port) { return !port.spec.handover; };
    if (network_namespace_ || std::ranges::none_of(attendance_.ports, is_relayed)) return {};
    const std::string own = "/proc/" + std::to_string(init_.pid) + "/ns/net";
    auto opened = process::open_namespace(spec::NamespaceType::network, own);
    // ENOENT: the child has ended, and said why.
    if (!opened.ok() && opened.error().code() == ENOENT) return Error(EPIPE, "open", own);
    if (!opened.ok()) return std::move(opened).error();
    network_namespace_ = std::move(*opened);
    return {};
}

Result<void> Launcher::limit_process() {
    if (!spec_.process->oom_score_adj) return {};
    return process::set_oom_score(init_.pid, *spec_.process->oom_score_adj, is_rootless(global_));
}

Result<void> Launcher::limit_cgroup() {
    if (!cgroup_ || (is_cgroup_v1_ && is_staged_ && !scope_)) return {};
    if (scope_) URC_TRY_VOID(scope_->start(init_.pid, spec_, *cgroup_));
    URC_TRY_VOID(cgroup_->apply(spec_.linux.resources));
    URC_TRY_VOID(delegate_cgroup(spec_, *cgroup_, is_rootless(global_)));
    // The device rules of v1 pass through "nothing at all" on their way; the child makes its nodes after
    // that.
    return is_cgroup_v1_ || scope_ ? channel_.send(process::Message::cgroup_ready) : Result<void>{};
}

Result<void> Launcher::save_state() {
    URC_TRY(ProcessId init, identify(init_.pid, init_.pidfd.get()));
    state_.init = init;
    if (scope_) state_.systemd_unit = scope_->unit();
    state_.has_own_keyring = !options_.no_new_keyring;
    if (cgroup_) {
        cgroup::Saved saved = cgroup_->saved();
        state_.cgroup_paths = std::move(saved.paths);
        state_.cgroups_made = std::move(saved.made);
    }
    state_.resources = spec_.linux.resources;
    state_.namespaces = spec_.linux.namespaces;
    state_.external_descriptors = read_external_descriptors(attendance_.stdio);
    state_.sinks = options_.sinks;
    for (const ports::BoundPort& port : attendance_.ports) state_.ports.push_back(port.spec);
    if (attendance_.is_monitor) {
        URC_TRY(state_.monitor, identify(attendance_.pid, -1));
    }
    state_.hooks.poststart = spec_.hooks.poststart;
    state_.hooks.poststop = spec_.hooks.poststop;
    return dir_->save(state_);
}

// A terminal is waited for, because its master must be where it belongs before the program writes to it.
Result<void> Launcher::await_ready() {
    return child_.reports_ready ? urc::await_ready(global_.log, channel_, console_) : Result<void>{};
}

// The body is the word that runc sends with it.
Result<void> Launcher::send_pidfd() {
    if (!pidfd_socket_) return {};
    return process::send_descriptor(pidfd_socket_.get(), "standard", init_.pidfd.get(), "--pidfd-socket");
}

// The init of a create has waited for this: until now it would have died with us. Now the container is
// "created".
Result<void> Launcher::commit() {
    if (started_by_ != StartedBy::socket) return {};
    if (::renameat(dir_->fd(), kNewStartSocket, dir_->fd(), kStartSocket) < 0)
        return Error::last("rename", kNewStartSocket);
    return channel_.send(process::Message::committed);
}

// prestart and createRuntime. The child makes the mounts, and then waits for us.
Result<void> Launcher::run_runtime_hooks() {
    if (!spec_.hooks.has_any_of_create()) return {};
    URC_TRY_VOID(await_mounted(global_.log, channel_, console_));
    hooks::Subject subject{options_.id, bundle_, spec_.annotations, init_.pid};
    URC_TRY_VOID(hooks::run(hooks::Kind::prestart, spec_.hooks.prestart, subject));
    URC_TRY_VOID(hooks::run(hooks::Kind::create_runtime, spec_.hooks.create_runtime, subject));
    return channel_.send(process::Message::pivot);
}

// Last of all, with everything undone; and only if there was something that a hook could have been told of.
void Launcher::run_poststop_hooks() {
    if (init_.pid > 0)
        hooks::run_poststop(global_.log, spec_.hooks.poststop, {options_.id, bundle_, spec_.annotations});
}

}  // namespace urc
