// What a launch does before its child is there, and the clone.
#include "core/lifecycle/launcher.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <unistd.h>

#include <algorithm>

#include "core/lifecycle/announce.h"
#include "core/lifecycle/bundle.h"
#include "core/lifecycle/cgroup_manager.h"
#include "core/lifecycle/network_place.h"
#include "core/lifecycle/notify_place.h"
#include "core/lifecycle/seccomp_agent.h"
#include "core/notify/proxy.h"
#include "core/process/id_map.h"
#include "core/process/namespaces.h"
#include "core/process/start_socket.h"
#include "core/process/unix_socket.h"
#include "core/process/user_namespace.h"
#include "core/rdt/group.h"
#include "core/spec/text.h"
#include "uring/file.h"

namespace urc {

namespace {

std::string field_of(const std::vector<spec::Namespace>& all, const spec::Namespace& one) {
    return spec::indexed("linux.namespaces", static_cast<std::size_t>(&one - all.data())) + ".path";
}

}  // namespace

Result<void> Launcher::read_configuration() {
    URC_TRY(Bundle bundle, load_bundle(global_, options_));
    bundle_ = std::move(bundle.path);
    rootfs_path_ = std::move(bundle.rootfs);
    spec_ = std::move(bundle.spec);
    bool is_detached = started_by_ == StartedBy::socket || options_.detach;
    // Who relays its output holds its terminal, too.
    bool is_held = attendance_.pid > 0 && !options_.sinks.empty();
    if (is_held && !options_.console_socket.empty())
        return Error::message("--log-driver: the terminal goes to --console-socket, and its output with it");
    if (!attendance_.ports.empty() && !spec_.linux.find(spec::NamespaceType::network))
        return has_hosts_network();
    URC_TRY_VOID(check_console(spec_.process->terminal, options_.console_socket, is_detached && !is_held));
    console_.is_wanted = spec_.process->terminal;
    if (console_.is_wanted && !is_detached) take_size_of_caller(*spec_.process);
    if (!options_.console_socket.empty()) {
        URC_TRY(console_.socket, process::connect_socket(options_.console_socket, "--console-socket"));
    }
    if (!options_.pidfd_socket.empty()) {
        URC_TRY(pidfd_socket_, process::connect_socket(options_.pidfd_socket, "--pidfd-socket"));
    }
    return {};
}

Result<void> Launcher::reserve_state() {
    URC_TRY(Store store, Store::open(global_.root));
    store_ = std::make_unique<Store>(std::move(store));
    URC_TRY(StateDir dir, store_->reserve(options_.id));
    dir_.emplace(std::move(dir));
    if (!spec_.hooks.poststop.empty()) undo_.push([this] { run_poststop_hooks(); });
    undo_.push([this] { (void)dir_->remove(); });
    return {};
}

Result<void> Launcher::make_notify_socket() {
    if (options_.notify.socket.empty() || attendance_.pid == 0) return {};
    const NotifyPlace place = place_notify_socket(spec_, options_.notify, global_.root, options_.id);
    // An engine that has one of its own in the container forwards by itself.
    if (place.is_taken) return {};
    URC_TRY(Fd directory, make_notify_directory(*dir_));
    URC_TRY(notify_socket_, notify::bind_socket(directory.get(), place.name.c_str()));
    state_.notify_socket = place.path;
    add_notify_socket(spec_, options_.notify, place);
    return {};
}

// The sockets of `--publish ...,handover` come after those of socket activation that are ours to pass on.
void Launcher::add_handed_over_ports() {
    for (const ports::BoundPort& port : attendance_.ports) {
        if (!port.spec.handover) continue;
        child_.handed_over.push_back(port.socket.get());
        // sd_listen_fds_with_names(3): a name each, or none at all.
        for (unsigned i = 0; child_.listen_names.empty() && i < child_.listen_fds; ++i)
            child_.listen_names += i > 0 ? ":unknown" : "unknown";
        if (!child_.listen_names.empty()) child_.listen_names += ':';
        child_.listen_names += ports::listen_name(port.spec);
    }
}

// Where it joins the network of this process there is nothing to publish.
Result<void> Launcher::check_joined_network(int network_namespace) {
    if (attendance_.ports.empty()) return {};
    if (process::is_own_namespace(spec::NamespaceType::network, network_namespace))
        return has_hosts_network();
    network_namespace_ = Fd(::fcntl(network_namespace, F_DUPFD_CLOEXEC, 0));
    return network_namespace_ ? Result<void>{} : Error::last("fcntl", "network namespace");
}

Result<void> Launcher::open_namespaces() {
    child_.spec = &spec_;
    child_.process = &*spec_.process;
    child_.id = options_.id;
    child_.bundle = bundle_;
    child_.has_hooks = !spec_.hooks.empty();
    child_.no_new_keyring = options_.no_new_keyring;
    child_.passed_fds = options_.passed.total;
    child_.listen_fds = options_.passed.listen;
    child_.listen_names = options_.passed.listen_names;
    add_handed_over_ports();
    child_.traces_phases = global_.log.is_on(LogLevel::debug);
    child_.hook = hook_;
    child_.stdio = attendance_.stdio;
    child_.says_watchdog_pid = notify_socket_.is_open() && !options_.notify.watchdog_usec.empty();
    for (const spec::Namespace& ns : spec_.linux.namespaces) {
        if (ns.type == spec::NamespaceType::user) child_.is_in_user = true;
        if (!ns.path.empty()) {
            auto fd = process::open_namespace(ns.type, ns.path);
            if (!fd) return std::move(fd).error().context(field_of(spec_.linux.namespaces, ns));
            if (ns.type == spec::NamespaceType::network) URC_TRY_VOID(check_joined_network(fd->get()));
            if (ns.type == spec::NamespaceType::user)
                URC_TRY_VOID(process::take_id_maps(fd->get(), ns.path, spec_.linux));
            child_.joins.push_back({ns.type, ns.path, std::move(*fd)});
        } else if (ns.type == spec::NamespaceType::user) {
            child_.has_new_user = true;
            child_.new_namespaces |= CLONE_NEWUSER;
        } else if (ns.type != spec::NamespaceType::cgroup && ns.type != spec::NamespaceType::time) {
            child_.new_namespaces |= process::clone_flag(ns.type);
        }
    }
    is_staged_ = needs_stage();
    if (child_.has_new_user)
        child_.is_setgroups_denied =
            process::denies_setgroups({spec_.linux.uid_mappings, spec_.linux.gid_mappings});
    return {};
}

Result<void> Launcher::plan_mounts() {
    child::RootfsOptions options;
    options.bundle = bundle_;
    options.no_pivot = options_.no_pivot;
    options.is_userns = child_.is_in_user;
    options.is_rootless = is_rootless(global_);
    for (const child::Join& join : child_.joins)
        if (join.type == spec::NamespaceType::user) options.joined_user_namespace = join.fd.get();
    if (layout_) child::describe_cgroups(options, *layout_, cgroup_ ? &*cgroup_ : nullptr);
    URC_TRY(child::RootfsPlan plan, child::plan_rootfs(spec_, options));
    child_.rootfs.emplace(std::move(plan));
    return child::open_sources(*child_.rootfs);
}

Result<void> Launcher::prepare_seccomp() {
    if (spec_.linux.seccomp.empty()) return {};
    URC_TRY(Fd root, open_at(AT_FDCWD, global_.root.c_str(), O_PATH | O_DIRECTORY));
    auto prepared = seccomp::prepare(spec_.linux.seccomp, root.get());
    if (!prepared.ok()) return std::move(prepared).error().context("config.json");
    seccomp::Program program = std::move(*prepared);
    if (program.has_notify) {
        URC_TRY_VOID(check_agent(program.listener_path));
        state_.seccomp_agent = {program.listener_path, program.listener_metadata};
    }
    child_.seccomp.emplace(std::move(program));
    return {};
}

Result<void> Launcher::find_cgroup() {
    URC_TRY(cgroup::Layout layout, cgroup::Layout::detect());
    layout_.emplace(std::move(layout));
    if (global_.cgroup_manager == CgroupManager::disabled) return {};
    std::string_view path = spec_.linux.cgroups_path;
    if (global_.cgroup_manager == CgroupManager::systemd) {
        URC_TRY(systemd::Scope scope, systemd::Scope::find(systemd_instance(global_), path, options_.id));
        path = scope_.emplace(std::move(scope)).path();
    }
    cgroup::CreateOptions options{
        .cgroups_path = path, .id = options_.id, .is_rootless = is_rootless(global_)};
    URC_TRY(cgroup::Cgroup group, cgroup::Cgroup::prepare(*layout_, options));
    cgroup_.emplace(std::move(group));
    is_cgroup_v1_ = layout_->version() == cgroup::Version::v1;
    child_.cgroup = &*cgroup_;
    child_.attaches_to_cgroup = is_cgroup_v1_ && !scope_;
    child_.awaits_scope = scope_.has_value();
    return {};
}

// What comes from here on does not go away with us. Should we be killed, then `delete` knows of it.
Result<void> Launcher::announce() {
    state_.id = options_.id;
    ::clock_gettime(CLOCK_REALTIME, &state_.created);
    state_.bundle = bundle_;
    state_.config_file = options_.config_file;
    state_.rootfs = rootfs_path_;
    state_.annotations = spec_.annotations;
    state_.owner = ::getuid();
    state_.rootless = is_rootless(global_);
    return save_announcement(*dir_, state_, cgroup_ ? &*cgroup_ : nullptr, scope_ ? scope_->unit() : "");
}

// Before spawn: the child is born in its cgroup2. Limits wait until it is at work, but for the joining stage,
// whose first word to us is already the pid of the init.
Result<void> Launcher::make_cgroup() {
    if (!cgroup_) return {};
    if (scope_) {
        // Pushed before the child's own undo, so done after it: a stop would wait for the child to end.
        undo_.push([this] {
            scope_->abandon();
            (void)cgroup_->remove();
        });
        return {};
    }
    URC_TRY_VOID(cgroup_->make());
    undo_.push([this] { (void)cgroup_->remove(); });
    if (joins_user()) {
        // A stage that has joined a user namespace may no longer clone into a cgroup of ours: it moves in
        // before.
        child_.attaches_to_cgroup = true;
    } else if (cgroup_->clone_into_fd() >= 0) {
        child_.birth = cgroup::Cgroup::Birth::in_cgroup2;
    }
    child_.awaits_cgroup = is_cgroup_v1_ && !is_staged_;
    return is_cgroup_v1_ && is_staged_ ? cgroup_->apply(spec_.linux.resources) : Result<void>{};
}

Result<void> Launcher::make_rdt_group() {
    if (!spec_.linux.intel_rdt) return {};
    URC_TRY(state_.rdt, rdt::make_group(global_.rdt_host, *spec_.linux.intel_rdt, options_.id));
    undo_.push([this] { (void)rdt::remove_group(global_.rdt_host, state_.rdt); });
    return {};
}

// The joining stage is needed when the init's own clone has to happen inside: children of a joined pid or
// time namespace are in it, their parent is not, and a new user namespace would lose the right to join the
// others.
bool Launcher::needs_stage() const {
    if (spec_.linux.has_new(spec::NamespaceType::time)) return true;
    return std::any_of(child_.joins.begin(), child_.joins.end(), [this](const child::Join& join) {
        return child_.has_new_user || join.type == spec::NamespaceType::pid ||
               join.type == spec::NamespaceType::user || join.type == spec::NamespaceType::time;
    });
}

// In the child: what only the parent uses. The lock of the state directory lives as long as any copy does,
// and an end of file on the channel takes that no other end is open.
void Launcher::close_parents_copies() {
    channel_.close();
    dir_.reset();
}

void Launcher::be_the_child() {
    close_parents_copies();
    child::run_init(child_);
}

Result<process::Cloned> Launcher::clone_init() {
    int cgroup_fd = cgroup_ && !joins_user() ? cgroup_->clone_into_fd() : -1;
    if (is_staged_) {
        URC_TRY(process::Cloned stage, process::clone_process({}));
        if (stage.pid == 0) {
            close_parents_copies();
            child::join_then_clone(child_, cgroup_fd);
            child::run_init(child_);
        }
        child_.channel.close();  // an end of file must mean that the stage is gone
        return await_successor(channel_, stage.pidfd);
    }
    process::CloneOptions options{.namespaces = child_.new_namespaces, .cgroup_fd = cgroup_fd};
    auto cloned = process::clone_process(options);
    if (!cloned.ok() && cgroup_fd >= 0 && cloned.error().code() == EOPNOTSUPP) {
        URC_TRY_VOID(cgroup_->repair_for_clone(cloned.error().code()));
        cloned = process::clone_process(options);
    }
    if (cloned.ok() && cloned->pid == 0) be_the_child();
    return cloned;
}

Result<void> Launcher::spawn() {
    URC_TRY(process::Channel::Pair pair, process::Channel::make());
    channel_ = std::move(pair.parent);
    child_.channel = std::move(pair.child);
    child_.reports_ready = started_by_ == StartedBy::socket || spec_.process->terminal;
    if (started_by_ == StartedBy::socket) {
        URC_TRY(child_.start_listener, process::listen_at(dir_->fd(), kNewStartSocket));
    }
    URC_TRY(init_, clone_init());
    undo_.push([this] { kill_and_reap(init_.pidfd); });
    // The child's end, and whatever else only it needs: an end of file must mean that the child is gone.
    child_.channel.close();
    child_.start_listener.reset();
    child_.joins.clear();
    return {};
}

}  // namespace urc
