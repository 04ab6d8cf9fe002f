#include "core/lifecycle/launch.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>

#include "core/cgroup/layout.h"
#include "core/child/last_page.h"
#include "core/hooks/hook.h"
#include "core/lifecycle/announce.h"
#include "core/lifecycle/await.h"
#include "core/lifecycle/bundle.h"
#include "core/lifecycle/cgroup_manager.h"
#include "core/lifecycle/delegate.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/pid_file.h"
#include "core/lifecycle/seccomp_agent.h"
#include "core/lifecycle/undo.h"
#include "core/network/devices.h"
#include "core/process/id_map.h"
#include "core/process/limits.h"
#include "core/process/namespaces.h"
#include "core/process/sealed_copy.h"
#include "core/process/spawn.h"
#include "core/process/start_socket.h"
#include "core/process/unix_socket.h"
#include "core/process/user_namespace.h"
#include "core/spec/text.h"
#include "core/systemd/scope.h"
#include "core/terminal/terminal.h"
#include "uring/file.h"

namespace urc {

namespace {

// All that a launch builds up, step by step. Members are in the order in which they come to be.
class Launcher {
public:
    Launcher(const Global& global, const CreateOptions& options, StartedBy started_by,
             const child::StepHook& hook)
        : global_(global), options_(options), started_by_(started_by), hook_(hook) {}

    Result<Launched> work_off();

    Result<void> read_configuration();
    Result<void> reserve_state();
    Result<void> open_namespaces();
    Result<void> plan_mounts();
    Result<void> prepare_seccomp();
    Result<void> find_cgroup();
    Result<void> announce();
    Result<void> make_cgroup();
    Result<void> make_rdt_group();
    Result<void> spawn();
    Result<void> map_ids();
    Result<void> move_network_devices();
    Result<void> limit_process();
    Result<void> limit_cgroup();
    Result<void> join_rdt_group();
    Result<void> save_state();
    Result<void> run_runtime_hooks();
    Result<void> await_ready();
    Result<void> send_pidfd();
    Result<void> write_pid_file() { return urc::write_pid_file(options_.pid_file, init_.pid); }
    Result<void> commit();

private:
    void run_poststop_hooks();
    Result<process::Cloned> clone_init();
    bool needs_stage() const;
    std::optional<std::int64_t> memory_limit() const {
        const auto& memory = spec_.linux.resources.memory;
        return memory ? memory->limit : std::nullopt;
    }
    bool joins_user() const { return child_.is_in_user && !child_.has_new_user; }
    void close_parents_copies();
    [[noreturn]] void be_the_child();

    const Global& global_;
    const CreateOptions& options_;
    StartedBy started_by_;
    const child::StepHook& hook_;

    std::string bundle_;
    std::string rootfs_path_;
    spec::Spec spec_;
    std::unique_ptr<Store> store_;
    std::optional<StateDir> dir_;
    std::optional<cgroup::Layout> layout_;
    std::optional<cgroup::Cgroup> cgroup_;
    std::optional<systemd::Scope> scope_;  // with --systemd-cgroup: who makes it
    bool is_cgroup_v1_ = false;
    bool is_staged_ = false;  // needs_stage(), asked while the namespaces to join are still known
    child::Launch child_;
    process::Channel channel_;
    process::Cloned init_;
    State state_;
    Console console_;
    Fd pidfd_socket_;
    Undo undo_;
};

struct Step {
    std::string_view name;
    Result<void> (Launcher::*act)();
};

constexpr Step kSteps[] = {
    {"configuration", &Launcher::read_configuration},
    {"state directory", &Launcher::reserve_state},
    {"open namespaces", &Launcher::open_namespaces},
    {"find cgroup", &Launcher::find_cgroup},
    {"plan mounts", &Launcher::plan_mounts},
    {"prepare seccomp", &Launcher::prepare_seccomp},
    {"make resctrl group", &Launcher::make_rdt_group},
    {"announce", &Launcher::announce},
    {"make cgroup", &Launcher::make_cgroup},
    {"spawn", &Launcher::spawn},
    // From here on the child is at work on the other processor.
    {"limit cgroup", &Launcher::limit_cgroup},
    {"join resctrl group", &Launcher::join_rdt_group},
    {"map ids", &Launcher::map_ids},
    {"network devices", &Launcher::move_network_devices},
    {"limit process", &Launcher::limit_process},
    {"save state", &Launcher::save_state},
    {"runtime hooks", &Launcher::run_runtime_hooks},
    {"await ready", &Launcher::await_ready},
    {"pidfd socket", &Launcher::send_pidfd},
    {"pid file", &Launcher::write_pid_file},
    {"commit", &Launcher::commit},
};

std::string field_of(const std::vector<spec::Namespace>& all, const spec::Namespace& one) {
    return spec::indexed("linux.namespaces", static_cast<std::size_t>(&one - all.data())) + ".path";
}

// The out-of-memory killer leaves no message; a limit that is too small for the set-up is the usual reason.
Error with_memory_hint(Error error, std::optional<std::int64_t> limit) {
    if (error.code() != ECHILD || !limit) return error;
    return Error::message(
        error.text() + " (the memory limit of " + std::to_string(*limit) + " bytes could be too low)",
        ECHILD);
}

}  // namespace

Result<Launched> Launcher::work_off() {
    for (const Step& step : kSteps) {
        global_.log.debug("phase: ", step.name);
        Result<void> done = hook_ ? hook_(step.name) : Result<void>{};
        if (done.ok()) done = (this->*step.act)();
        if (!done.ok()) {
            Error error = std::move(done).error();
            if (init_.pidfd) error = better_error(std::move(error), channel_);
            return with_memory_hint(std::move(error), memory_limit());
        }
    }
    undo_.dismiss();
    std::optional<std::int64_t> limit = memory_limit();
    return Launched{std::move(store_),
                    std::move(*dir_),
                    std::move(state_),
                    std::move(init_.pidfd),
                    std::move(channel_),
                    std::move(console_.master),
                    limit};
}

Result<void> Launcher::read_configuration() {
    URC_TRY(Bundle bundle, load_bundle(global_, options_));
    bundle_ = std::move(bundle.path);
    rootfs_path_ = std::move(bundle.rootfs);
    spec_ = std::move(bundle.spec);
    bool is_detached = started_by_ == StartedBy::socket || options_.detach;
    URC_TRY_VOID(check_console(spec_.process->terminal, options_.console_socket, is_detached));
    console_.is_wanted = spec_.process->terminal;
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

Result<void> Launcher::open_namespaces() {
    child_.spec = &spec_;
    child_.process = &*spec_.process;
    child_.id = options_.id;
    child_.bundle = bundle_;
    child_.has_hooks = !spec_.hooks.empty();
    child_.no_new_keyring = options_.no_new_keyring;
    child_.passed_fds = options_.passed.total;
    child_.listen_fds = options_.passed.listen;
    child_.traces_phases = global_.log.is_on(LogLevel::debug);
    child_.hook = hook_;
    for (const spec::Namespace& ns : spec_.linux.namespaces) {
        if (ns.type == spec::NamespaceType::user) child_.is_in_user = true;
        if (!ns.path.empty()) {
            auto fd = process::open_namespace(ns.type, ns.path);
            if (!fd) return std::move(fd).error().context(field_of(spec_.linux.namespaces, ns));
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

// While the init has one thread; hooks and the program come after it.
Result<void> Launcher::join_rdt_group() {
    auto joined = rdt::add_thread(global_.rdt_host, state_.rdt, init_.pid);
    return joined ? joined : std::move(joined).error().context("Intel RDT");
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
        URC_TRY(child_.start_listener, process::listen_at(dir_->fd(), kStartSocket));
    }
    URC_TRY(init_, clone_init());
    undo_.push([this] { kill_and_reap(init_.pidfd); });
    // The child's end, and whatever else only it needs: an end of file must mean that the child is gone.
    child_.channel.close();
    child_.start_listener.reset();
    child_.joins.clear();
    return {};
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
    state_.external_descriptors = read_external_descriptors();
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

// The init of a create has waited for this: until now it would have died with us.
Result<void> Launcher::commit() {
    return started_by_ == StartedBy::socket ? channel_.send(process::Message::committed) : Result<void>{};
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

Result<void> guard_own_executable() {
    if (child::LastPage::is_supported() || process::is_sealed_copy()) return {};
    return process::become_sealed_copy();
}

Result<Launched> launch(const Global& global, const CreateOptions& options, StartedBy started_by,
                        const child::StepHook& hook) {
    return Launcher(global, options, started_by, hook).work_off();
}

Result<void> run_poststart_hooks(const State& state) {
    return hooks::run(hooks::Kind::poststart, state.hooks.poststart,
                      {state.id, state.bundle, state.annotations, state.init.pid});
}

Result<void> release(const Global& global, Launched& container) {
    auto runs = say_go(global.log, container.channel,
                       pass_to_agent(container.state, container.state.init.pid, Status::creating));
    if (runs.ok()) runs = run_poststart_hooks(container.state);
    if (runs.ok()) return {};
    kill_and_reap(container.init);
    (void)destroy(global, container.dir, container.state);
    return with_memory_hint(std::move(runs).error(), container.memory_limit);
}

std::vector<std::string_view> launch_step_names() {
    std::vector<std::string_view> names;
    for (const Step& step : kSteps) names.push_back(step.name);
    return names;
}

}  // namespace urc
