// restore: a container is made from its bundle, as by create, and criu fills it with the processes of a dump.
//
//   urc                                     criu (our child, born in the container's cgroup)
//    | state directory, cgroup, limits         |
//    |--- clone: own mount namespace --------->|   mount points made, rootfs put over the state directory
//    |--- RESTORE ---------------------------->|
//    |<-- setup-namespaces(pid) ---------------|   prestart and createRuntime hooks
//    |<-- orphan-pts-master [descriptor] ------|   the container's terminal: to --console-socket, or kept
//    |<-- post-restore(pid) -------------------|   the init is our child too; held by a pidfd, state saved
//    |<-- RESTORE -----------------------------|   it runs
#include "core/lifecycle/restore.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "core/cgroup/layout.h"
#include "core/child/rootfs.h"
#include "core/criu/externals.h"
#include "core/criu/images.h"
#include "core/criu/restore_root.h"
#include "core/criu/service.h"
#include "core/hooks/hook.h"
#include "core/lifecycle/announce.h"
#include "core/lifecycle/await.h"
#include "core/lifecycle/bundle.h"
#include "core/lifecycle/cgroup_manager.h"
#include "core/lifecycle/pid_file.h"
#include "core/lifecycle/run.h"
#include "core/lifecycle/undo.h"
#include "core/process/unix_socket.h"
#include "core/systemd/scope.h"
#include "core/terminal/terminal.h"
#include "uring/file.h"

namespace urc {

namespace {

constexpr const char* kLogFile = "restore.log";
constexpr int kReapTriesMax = 1000;  // a millisecond each

class Restorer {
public:
    Restorer(const Global& global, const RestoreOptions& options, const child::StepHook& hook)
        : global_(global), options_(options), hook_(hook) {}

    Result<Launched> work_off();

    Result<void> read_configuration();
    Result<void> open_images();
    Result<void> reserve_state();
    Result<void> make_cgroup();
    Result<void> make_rdt_group();
    Result<void> plan_mounts();
    Result<void> start_criu();
    Result<void> ask_criu();
    Result<void> restore_processes();
    Result<void> write_pid_file();

private:
    Result<void> notified(const criu::Response& response, Fd fd);
    Result<void> hold_init(pid_t pid);
    Result<void> take_init(pid_t pid);
    Result<void> take_terminal(Fd master);
    Result<void> start_scope(pid_t first);
    Result<void> run_hooks();
    void run_poststop_hooks();
    void kill_processes();

    const Global& global_;
    const RestoreOptions& options_;
    const child::StepHook& hook_;

    Bundle bundle_;
    Fd console_;
    criu::Images images_;
    criu::Options request_;
    criu::NamespacesToRestore namespaces_;
    std::unique_ptr<Store> store_;
    std::optional<StateDir> dir_;
    std::string state_path_;  // without symlinks
    std::optional<cgroup::Layout> layout_;
    std::optional<cgroup::Cgroup> cgroup_;
    std::optional<systemd::Scope> scope_;  // with --systemd-cgroup: who makes it
    child::RootfsPlan plan_;
    State state_;
    Pidfd init_;
    Fd terminal_;
    // Behind all that it looks at, and before service_, which is ended first: its death undoes more than ours
    // can.
    Undo undo_;
    std::optional<criu::Service> service_;
};

struct Step {
    std::string_view name;
    Result<void> (Restorer::*act)();
};

constexpr Step kSteps[] = {
    {"configuration", &Restorer::read_configuration},
    {"images", &Restorer::open_images},
    {"state directory", &Restorer::reserve_state},
    {"make resctrl group", &Restorer::make_rdt_group},
    {"make cgroup", &Restorer::make_cgroup},
    {"plan mounts", &Restorer::plan_mounts},
    {"start criu", &Restorer::start_criu},
    {"ask criu", &Restorer::ask_criu},
    {"restore", &Restorer::restore_processes},
    {"pid file", &Restorer::write_pid_file},
};

Result<std::string> path_of(int fd) {
    char path[PATH_MAX];
    const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
    if (length < 0) return Error::last("readlink", "the state directory");
    return std::string(path, static_cast<std::size_t>(length));
}

}  // namespace

Result<Launched> Restorer::work_off() {
    for (const Step& step : kSteps) {
        global_.log.debug("phase: ", step.name);
        Result<void> done = hook_ ? hook_(step.name) : Result<void>{};
        if (done.ok()) done = (this->*step.act)();
        if (!done.ok()) {
            service_.reset();
            return std::move(done).error();
        }
    }
    undo_.dismiss();
    return Launched{.store = std::move(store_),
                    .dir = std::move(*dir_),
                    .state = std::move(state_),
                    .init = std::move(init_),
                    .channel = {},
                    .terminal = std::move(terminal_),
                    .notify_socket = {},
                    .memory_limit = {}};
}

Result<void> Restorer::read_configuration() {
    const CreateOptions& create = options_.create;
    URC_TRY(bundle_, load_bundle(global_, create));
    const bool has_terminal = bundle_.spec.process->terminal;
    URC_TRY_VOID(check_console(has_terminal, create.console_socket, create.detach));
    if (!create.console_socket.empty()) {
        URC_TRY(console_, process::connect_socket(create.console_socket, "--console-socket"));
    }
    URC_TRY(namespaces_, criu::namespaces_to_restore(bundle_.spec.linux.namespaces));
    return {};
}

Result<void> Restorer::open_images() {
    URC_TRY(images_, criu::open_images(options_.image, criu::Missing::is_an_error, kLogFile));
    URC_TRY(request_, criu::make_options(options_.image, kLogFile));
    request_.config_file = criu::config_file(bundle_.spec.annotations);
    request_.tcp_close = options_.tcp_close;
    request_.lsm_profile = options_.lsm_profile;
    request_.lsm_mount_context = options_.lsm_mount_context;
    request_.evasive_devices = true;
    request_.restores_sibling = true;
    request_.join_namespaces = namespaces_.joins;
    URC_TRY(request_.inherited, criu::read_inherited_pipes(images_.directory.get()));
    for (std::size_t i = 0; i < namespaces_.keys.size(); ++i)
        request_.inherited.push_back(
            {namespaces_.keys[i], criu::Service::kFirstInherited + static_cast<int>(i)});
    return {};
}

Result<void> Restorer::reserve_state() {
    URC_TRY(Store store, Store::open(global_.root));
    store_ = std::make_unique<Store>(std::move(store));
    URC_TRY(StateDir dir, store_->reserve(options_.create.id));
    dir_.emplace(std::move(dir));
    state_.id = options_.create.id;
    state_.bundle = bundle_.path;
    state_.config_file = options_.create.config_file;
    state_.rootfs = bundle_.rootfs;
    state_.annotations = bundle_.spec.annotations;
    state_.owner = ::getuid();
    state_.rootless = is_rootless(global_);
    state_.is_restored = true;
    if (!bundle_.spec.hooks.poststop.empty()) undo_.push([this] { run_poststop_hooks(); });
    undo_.push([this] { (void)dir_->remove(); });
    URC_TRY(state_path_, path_of(dir_->fd()));
    return {};
}

// With its limits before anybody is in it: criu is born there, and whatever it restores. A scope of systemd's
// needs a process; it is made around criu.
Result<void> Restorer::make_cgroup() {
    URC_TRY(cgroup::Layout layout, cgroup::Layout::detect());
    layout_.emplace(std::move(layout));
    if (global_.cgroup_manager == CgroupManager::disabled) return {};
    const std::string& id = options_.create.id;
    std::string_view path = bundle_.spec.linux.cgroups_path;
    if (global_.cgroup_manager == CgroupManager::systemd) {
        URC_TRY(systemd::Scope scope, systemd::Scope::find(systemd_instance(global_), path, id));
        path = scope_.emplace(std::move(scope)).path();
    }
    URC_TRY(cgroup::Cgroup group,
            cgroup::Cgroup::prepare(*layout_,
                                    {.cgroups_path = path, .id = id, .is_rootless = is_rootless(global_)}));
    cgroup_.emplace(std::move(group));
    URC_TRY_VOID(save_announcement(*dir_, state_, &*cgroup_, scope_ ? scope_->unit() : ""));
    if (scope_) {
        undo_.push([this] {
            scope_->abandon();
            (void)cgroup_->remove();
        });
        return {};
    }
    URC_TRY_VOID(cgroup_->make());
    undo_.push([this] { (void)cgroup_->remove(); });
    return cgroup_->apply(bundle_.spec.linux.resources);
}

Result<void> Restorer::make_rdt_group() {
    const auto& wanted = bundle_.spec.linux.intel_rdt;
    if (!wanted) return {};
    URC_TRY(state_.rdt, rdt::make_group(global_.rdt_host, *wanted, options_.create.id));
    undo_.push([this] { (void)rdt::remove_group(global_.rdt_host, state_.rdt); });
    return {};
}

Result<void> Restorer::start_scope(pid_t first) {
    URC_TRY_VOID(scope_->start(first, bundle_.spec, *cgroup_));
    return cgroup_->apply(bundle_.spec.linux.resources);
}

Result<void> Restorer::plan_mounts() {
    child::RootfsOptions options;
    options.bundle = bundle_.path;
    options.no_pivot = options_.create.no_pivot;
    options.is_rootless = is_rootless(global_);
    child::describe_cgroups(options, *layout_, cgroup_ ? &*cgroup_ : nullptr);
    URC_TRY(plan_, child::plan_rootfs(bundle_.spec, options));
    request_.mounts = criu::mounts_to_restore(plan_);
    request_.root = state_path_;
    return {};
}

Result<void> Restorer::start_criu() {
    criu::Service::StartOptions options;
    options.images = images_.path;
    options.work = images_.work_path;
    options.inherits_stdio = !bundle_.spec.process->terminal;
    for (const Fd& fd : namespaces_.fds) options.inherited.push_back(fd.get());
    options.namespaces = CLONE_NEWNS;
    if (scope_)
        options.adopt = [this](pid_t first) { return start_scope(first); };
    else
        options.cgroup = cgroup_ ? &*cgroup_ : nullptr;
    options.prepare = [this] { return criu::prepare_restore_root(plan_, state_path_); };
    undo_.push([this] { kill_processes(); });
    URC_TRY(criu::Service service, criu::Service::start(options));
    service_.emplace(std::move(service));
    // What criu restores is cloned from it, into the same group.
    auto joined = rdt::add_process(global_.rdt_host, state_.rdt, service_->pid());
    return joined ? joined : std::move(joined).error().context("Intel RDT");
}

Result<void> Restorer::ask_criu() {
    URC_TRY(const unsigned version, service_->version());
    global_.log.debug("criu: version ", version);
    const bool has_lsm = version >= criu::kCriuWithLsmProfile;
    if (!options_.lsm_profile.empty() && !has_lsm)
        return Error::message("--lsm-profile requires at least CRIU 3.16", ENOTSUP);
    if (!options_.lsm_mount_context.empty() && !has_lsm)
        return Error::message("--lsm-mount-context requires at least CRIU 3.16", ENOTSUP);
    for (const std::string& key : namespaces_.keys)
        if (version < criu::kCriuWithExternalPid && key == "extRootPidNS")
            return Error::message(
                "criu lacks support for external pid namespace during the restoration process", ENOTSUP);
    state_.namespaces = bundle_.spec.linux.namespaces;
    // criu gives the restored processes a time namespace, so that their clocks go on where they stopped.
    if (version >= criu::kCriuWithTimeNamespace && ::access("/proc/self/ns/time", F_OK) == 0 &&
        !bundle_.spec.linux.find(spec::NamespaceType::time))
        state_.namespaces.push_back({spec::NamespaceType::time, {}});
    if (cgroup_) {
        URC_TRY(request_.cgroup_roots, criu::cgroup_roots(service_->pid()));
    }
    return {};
}

Result<void> Restorer::restore_processes() {
    auto notify = [this](const criu::Response& response, Fd fd) { return notified(response, std::move(fd)); };
    auto restored = service_->request(criu::RequestType::restore, request_, notify, images_.log_path);
    if (!restored.ok()) return std::move(restored).error();
    if (!init_) return Error::message("criu did not tell the pid of what it restored", EPROTO);
    if (console_ && !terminal_)
        return Error::message("criu did not hand over the container's terminal", EPROTO);
    if (console_) terminal_.reset();
    return {};
}

Result<void> Restorer::notified(const criu::Response& response, Fd fd) {
    global_.log.debug("criu: ", response.script);
    if (hook_) URC_TRY_VOID(hook_(response.script));
    if (response.script == "orphan-pts-master") return take_terminal(std::move(fd));
    if (response.script == "setup-namespaces") {
        URC_TRY_VOID(hold_init(response.pid));
        return run_hooks();
    }
    if (response.script == "post-restore") return take_init(response.pid);
    return {};
}

Result<void> Restorer::hold_init(pid_t pid) {
    if (init_) return {};
    init_ = Pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!init_) return Error::last("pidfd_open", "the restored init");
    state_.init.pid = pid;
    return {};
}

// The namespaces are there, what is in them is not yet: the moment of prestart and createRuntime, for which
// callers set up the network. The other kinds belong to a program that starts.
Result<void> Restorer::run_hooks() {
    const spec::Spec& spec = bundle_.spec;
    const hooks::Subject subject{options_.create.id, bundle_.path, spec.annotations, state_.init.pid};
    URC_TRY_VOID(hooks::run(hooks::Kind::prestart, spec.hooks.prestart, subject));
    return hooks::run(hooks::Kind::create_runtime, spec.hooks.create_runtime, subject);
}

// Last of all, and only if there was something that a hook could have been told of.
void Restorer::run_poststop_hooks() {
    const spec::Spec& spec = bundle_.spec;
    if (state_.init.pid > 0)
        hooks::run_poststop(global_.log, spec.hooks.poststop,
                            {options_.create.id, bundle_.path, spec.annotations});
}

Result<void> Restorer::take_terminal(Fd master) {
    if (!master) return Error::message("criu did not hand over the container's terminal", EPROTO);
    URC_TRY_VOID(terminal::verify_master(master.get()));
    if (console_) URC_TRY_VOID(terminal::send_console(console_.get(), master.get()));
    terminal_ = std::move(master);
    return {};
}

// All is restored and nothing runs yet: from here on the container is there for everybody.
Result<void> Restorer::take_init(pid_t pid) {
    URC_TRY_VOID(hold_init(pid));
    URC_TRY(state_.init, identify(pid, init_.get()));
    ::clock_gettime(CLOCK_REALTIME, &state_.created);
    if (scope_) state_.systemd_unit = scope_->unit();
    if (cgroup_) {
        cgroup::Saved saved = cgroup_->saved();
        state_.cgroup_paths = std::move(saved.paths);
        state_.cgroups_made = std::move(saved.made);
    }
    state_.resources = bundle_.spec.linux.resources;
    state_.external_descriptors = read_external_descriptors();
    state_.hooks.poststop = bundle_.spec.hooks.poststop;  // the others had their moment before the dump
    return dir_->save(state_);
}

// criu kills what it has made when it fails, but not when it is killed itself; and as its brothers, all of
// them are left to us to be reaped. We have no other children.
void Restorer::kill_processes() {
    if (cgroup_) (void)cgroup_->kill(SIGKILL);
    kill_and_reap(init_);
    const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
    for (int tries = 0; tries < kReapTriesMax; ++tries) {
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 && errno == ECHILD) return;
        if (info.si_pid == 0) (void)::ppoll(nullptr, 0, &pause, nullptr);
    }
}

Result<void> Restorer::write_pid_file() {
    return urc::write_pid_file(options_.create.pid_file, state_.init.pid);
}

Result<Launched> restore_processes(const Global& global, const RestoreOptions& options,
                                   const child::StepHook& hook) {
    return Restorer(global, options, hook).work_off();
}

std::vector<std::string_view> restore_step_names() {
    std::vector<std::string_view> names;
    for (const Step& step : kSteps) names.push_back(step.name);
    return names;
}

Result<int> restore(const Global& global, const RestoreOptions& options) {
    if (is_rootless(global)) global.log.warning("restore is untested with rootless containers");
    const CreateOptions& create = options.create;
    URC_TRY(std::optional<Foreground> foreground, enter_foreground(global, create));
    URC_TRY(Launched container, restore_processes(global, options));
    return foreground ? attend(global, *foreground, container, create.keep) : 0;
}

}  // namespace urc
