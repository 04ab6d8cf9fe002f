#include "core/lifecycle/exec.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "core/cgroup/layout.h"
#include "core/cgroup/sub_cgroup.h"
#include "core/lifecycle/await.h"
#include "core/lifecycle/bundle.h"
#include "core/lifecycle/exec_process.h"
#include "core/lifecycle/find.h"
#include "core/lifecycle/foreground.h"
#include "core/lifecycle/notify_place.h"
#include "core/lifecycle/pid_file.h"
#include "core/lifecycle/seccomp_agent.h"
#include "core/lifecycle/undo.h"
#include "core/process/affinity.h"
#include "core/process/limits.h"
#include "core/process/namespaces.h"
#include "core/process/unix_socket.h"
#include "core/spec/parse.h"
#include "core/state/store.h"
#include "uring/file.h"

namespace urc {

namespace {

// A create, a start or a delete holds the lock while it is at work; what it leaves is what we look at.
// How long an init that is about to end may take for it, asked only after a failure.
constexpr int kInitEndsMs = 100;

// All that an exec builds up, step by step. Members are in the order in which they come to be.
class Executor {
public:
    Executor(const Global& global, const ExecOptions& options, const child::StepHook& hook)
        : global_(global), options_(options), hook_(hook) {}

    Result<Executed> work_off();

    Result<void> find_container();
    Result<void> make_process();
    Result<void> open_pid_file();
    Result<void> find_sub_cgroup();
    Result<void> compare_namespaces();
    Result<void> prepare_seccomp();
    Result<void> spawn();
    Result<void> limit_process();
    Result<void> join_rdt_group();
    Result<void> await_ready();
    Result<void> send_pidfd();
    Result<void> say_last_word();
    Result<void> publish_pid() { return pid_file_->publish(process_.pid); }

private:
    Result<void> read_state();
    Result<process::Cloned> clone_child();
    Result<process::Cloned> clone_into_cgroup();
    Result<void> follow_init();
    void end_child() const;
    Error explain(Error error) const;

    const Global& global_;
    const ExecOptions& options_;
    const child::StepHook& hook_;

    State state_;
    Status status_ = Status::running;  // as a seccomp agent is told
    std::optional<cgroup::Cgroup> cgroup_;
    Pidfd init_;
    spec::Spec spec_;
    spec::Process wanted_;
    Console console_;
    Fd pidfd_socket_;
    std::optional<PidFile> pid_file_;
    child::Launch child_;
    process::Channel channel_;
    process::Cloned process_;
    bool is_stage_ = false;  // process_ will clone the program's process
    Undo undo_;
};

struct Step {
    std::string_view name;
    Result<void> (Executor::*act)();
};

constexpr Step kSteps[] = {
    {"container", &Executor::find_container},
    {"process", &Executor::make_process},
    {"pid file", &Executor::open_pid_file},
    {"sub cgroup", &Executor::find_sub_cgroup},
    {"compare namespaces", &Executor::compare_namespaces},
    {"prepare seccomp", &Executor::prepare_seccomp},
    {"spawn", &Executor::spawn},
    // From here on the child is at work on the other processor.
    {"await ready", &Executor::await_ready},
    {"limit process", &Executor::limit_process},
    {"join resctrl group", &Executor::join_rdt_group},
    {"pidfd socket", &Executor::send_pidfd},
    {"last word", &Executor::say_last_word},
    {"publish pid", &Executor::publish_pid},
};

Error stopped() {
    return Error::message("cannot exec in a stopped container", ESRCH);
}

// While it lives, what this process clones is not dumpable from its first instruction on.
class NotDumpable {
public:
    NotDumpable() : before_(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)) { ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
    NotDumpable(const NotDumpable&) = delete;
    NotDumpable& operator=(const NotDumpable&) = delete;
    ~NotDumpable() {
        if (before_ == 1) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    }

private:
    int before_;
};

// While it lives, the children of this process are born in another pid namespace (setns(2)); the process
// itself stays where it is. With that undone it may have threads again, which io_uring's workers are.
class ChildrenElsewhere {
public:
    // False when that is not allowed: it takes CAP_SYS_ADMIN here and there.
    Result<bool> begin(int init) {
        own_ = Pidfd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
        if (!own_) return Error::last("pidfd_open", "ourselves");
        is_elsewhere_ = ::setns(init, CLONE_NEWPID) == 0;
        if (!is_elsewhere_ && errno != EPERM) return Error::last("join the container's pid namespace");
        return is_elsewhere_;
    }
    ChildrenElsewhere() = default;
    ChildrenElsewhere(const ChildrenElsewhere&) = delete;
    ChildrenElsewhere& operator=(const ChildrenElsewhere&) = delete;
    ~ChildrenElsewhere() {
        if (is_elsewhere_) (void)::setns(own_.get(), CLONE_NEWPID);
    }

private:
    Pidfd own_;
    bool is_elsewhere_ = false;
};

bool has_ended(const Pidfd& process, int timeout_ms = 0) {
    pollfd entry{process.get(), POLLIN, 0};
    return ::poll(&entry, 1, timeout_ms) == 1;
}

}  // namespace

Result<Executed> Executor::work_off() {
    for (const Step& step : kSteps) {
        global_.log.debug("phase: ", step.name);
        Result<void> done = hook_ ? hook_(step.name) : Result<void>{};
        if (done.ok()) done = (this->*step.act)();
        if (!done.ok()) return explain(std::move(done).error());
    }
    undo_.dismiss();
    return Executed{process_.pid, std::move(process_.pidfd), std::move(console_.master)};
}

void Executor::end_child() const {
    kill_and_reap(process_.pidfd);
    if (is_stage_) discard_clone(channel_);
}

// A container that is killed under our hands makes whatever we are at fail.
Error Executor::explain(Error error) const {
    if (process_.pidfd) error = better_error(std::move(error), channel_);
    bool may_follow = error.code() == ESRCH || error.code() == ECHILD || error.code() == ENOMEM ||
                      error.code() == ENODEV || error.code() == EPIPE;
    if (!may_follow || !init_) return error;
    // The end of an init waits until all in its pid namespace have been reaped (pid_namespaces(7)).
    end_child();
    return has_ended(init_, kInitEndsMs) ? stopped() : error;
}

Result<void> Executor::read_state() {
    auto store = Store::open_existing(global_.root);
    if (!store.ok() && store.error().code() == ENOENT)
        return Error::message("container does not exist", ENOENT);
    if (!store.ok()) return std::move(store).error();
    URC_TRY(StateDir dir, store->find(options_.id));
    URC_TRY_VOID(dir.lock());
    URC_TRY(state_, load_container(dir));
    if (dir.has_start_socket()) status_ = Status::created;
    return {};
}

Result<void> Executor::find_container() {
    URC_TRY_VOID(read_state());
    if (!state_.cgroup_paths.empty()) {
        cgroup::Saved saved{.paths = state_.cgroup_paths, .made = state_.cgroups_made};
        URC_TRY(cgroup::Cgroup group, cgroup::Cgroup::open(std::move(saved), state_.rootless));
        cgroup_.emplace(std::move(group));
    }
    auto init = open_process(state_.init);
    if (!init.ok()) return init.error().code() == ESRCH ? stopped() : std::move(init).error();
    init_ = std::move(*init);
    if (!cgroup_) return {};
    URC_TRY_VOID(cgroup_->require());
    if (options_.ignore_paused) return {};
    URC_TRY(bool is_frozen, cgroup_->is_frozen());
    if (is_frozen) return Error::message("cannot exec in a paused container", EBUSY);
    return {};
}

Result<void> Executor::make_process() {
    std::string path = state_.config_file.empty() ? "config.json" : state_.config_file;
    if (!path.starts_with('/')) path = state_.bundle + "/" + path;
    URC_TRY(std::string text, read_file_at(AT_FDCWD, path.c_str(), kDocumentSizeMax));
    URC_TRY(spec_, parse_spec(std::move(text)));
    URC_TRY(wanted_, make_exec_process(spec_, options_, global_.log));
    // What it says, the monitor carries on as it does for the init.
    if (!state_.notify_socket.empty()) set_variable(wanted_.env, "NOTIFY_SOCKET", state_.notify_socket);
    URC_TRY_VOID(check_console(wanted_.terminal, options_.console_socket, options_.detach));
    console_.is_wanted = wanted_.terminal;
    if (console_.is_wanted && !options_.detach) take_size_of_caller(wanted_);
    if (!options_.console_socket.empty()) {
        URC_TRY(console_.socket, process::connect_socket(options_.console_socket, "--console-socket"));
    }
    if (!options_.pidfd_socket.empty()) {
        URC_TRY(pidfd_socket_, process::connect_socket(options_.pidfd_socket, "--pidfd-socket"));
    }
    return {};
}

Result<void> Executor::open_pid_file() {
    URC_TRY(PidFile file, PidFile::open(options_.pid_file));
    pid_file_.emplace(std::move(file));
    return {};
}

Result<void> Executor::find_sub_cgroup() {
    URC_TRY(std::vector<cgroup::SubCgroup> below, cgroup::parse_sub_cgroups(options_.cgroups));
    if (!below.empty() && !cgroup_) return Error::message("--cgroup: the container has no cgroup");
    for (const cgroup::SubCgroup& sub : below) URC_TRY_VOID(cgroup_->descend(sub.controller, sub.path));
    return {};
}

Result<void> Executor::compare_namespaces() {
    child_.entry.init = init_.get();
    auto differing = process::namespaces_to_join(state_.init.pid);
    if (!differing.ok()) return has_ended(init_) ? stopped() : std::move(differing).error();
    child_.entry.namespaces = *differing;
    child_.clones_last = (*differing & CLONE_NEWPID) && !(*differing & CLONE_NEWUSER);
    std::string directory = "/proc/" + std::to_string(state_.init.pid);
    if (!(*differing & CLONE_NEWNS)) {
        URC_TRY(child_.entry.root, open_at(AT_FDCWD, (directory + "/root").c_str(), O_PATH | O_DIRECTORY));
    }
    if (*differing & CLONE_NEWUSER) {
        child_.is_in_user = true;
        URC_TRY(std::string setgroups, read_file_at(AT_FDCWD, (directory + "/setgroups").c_str(), 64));
        child_.is_setgroups_denied = setgroups.starts_with("deny");
    }
    return {};
}

Result<void> Executor::prepare_seccomp() {
    if (spec_.linux.seccomp.empty()) return {};
    URC_TRY(Fd root, open_at(AT_FDCWD, global_.root.c_str(), O_PATH | O_DIRECTORY));
    auto prepared = seccomp::prepare(spec_.linux.seccomp, root.get());
    if (!prepared.ok()) return std::move(prepared).error().context("config.json");
    if (prepared->has_notify) {
        URC_TRY_VOID(check_agent(prepared->listener_path));
        state_.seccomp_agent = {prepared->listener_path, prepared->listener_metadata};
    }
    child_.seccomp.emplace(std::move(*prepared));
    return {};
}

Result<void> Executor::spawn() {
    URC_TRY(process::Channel::Pair pair, process::Channel::make());
    channel_ = std::move(pair.parent);
    child_.channel = std::move(pair.child);
    child_.spec = &spec_;
    child_.process = &wanted_;
    child_.id = options_.id;
    child_.no_new_keyring = !state_.has_own_keyring;
    child_.passed_fds = options_.passed.total;
    child_.listen_fds = options_.passed.listen;
    child_.listen_names = options_.passed.listen_names;
    child_.reports_ready = wanted_.terminal && !child_.clones_last;
    child_.traces_phases = global_.log.is_on(LogLevel::debug);
    child_.hook = hook_;
    if (cgroup_) {
        child_.cgroup = &*cgroup_;
        child_.attaches_to_cgroup = cgroup_->version() == cgroup::Version::v1;
        if (cgroup_->clone_into_fd() >= 0) child_.birth = cgroup::Cgroup::Birth::in_cgroup2;
    }
    const auto affinity = wanted_.exec_cpu_affinity.value_or(spec::ExecCpuAffinity{});
    child_.cpus = affinity.final;
    URC_TRY(process::BorrowedAffinity bound, process::BorrowedAffinity::take(affinity.initial));
    URC_TRY(process_, clone_child());
    is_stage_ = child_.clones_last;
    undo_.push([this] { end_child(); });
    return {};
}

Result<process::Cloned> Executor::clone_child() {
    NotDumpable not_dumpable;
    ChildrenElsewhere elsewhere;
    bool is_staged = false;
    if ((child_.entry.namespaces & CLONE_NEWPID) && !child_.clones_last) {
        URC_TRY(bool is_allowed, elsewhere.begin(init_.get()));
        is_staged = !is_allowed;
        if (is_allowed) child_.entry.namespaces &= ~CLONE_NEWPID;
    }
    URC_TRY(process::Cloned cloned, clone_into_cgroup());
    if (cloned.pid == 0) {
        // Our copy of what only the parent uses.
        channel_.close();
        if (is_staged) child::enter_then_clone(child_);
        child::run_exec(child_);
    }
    // An end of file must mean that the child is gone.
    child_.channel.close();
    return is_staged ? await_successor(channel_, cloned.pidfd) : std::move(cloned);
}

Result<process::Cloned> Executor::clone_into_cgroup() {
    const int cgroup_fd = cgroup_ ? cgroup_->clone_into_fd() : -1;
    auto cloned = process::clone_process({.cgroup_fd = cgroup_fd});
    if (cloned.ok() || cgroup_fd < 0) return cloned;
    const int code = cloned.error().code();
    if (code == EBUSY && options_.cgroups.empty()) {
        URC_TRY_VOID(follow_init());
        return process::clone_process({.cgroup_fd = cgroup_->clone_into_fd()});
    }
    if (code == EOPNOTSUPP) {
        URC_TRY_VOID(cgroup_->repair_for_clone(code));
        return process::clone_process({.cgroup_fd = cgroup_fd});
    }
    if (state_.rootless && (code == EACCES || code == EPERM)) {
        child_.birth = cgroup::Cgroup::Birth::elsewhere;
        return process::clone_process({});
    }
    return std::move(cloned).error().context("cgroup");
}

// A cgroup2 that hands controllers down takes no processes itself: an init that did that (systemd) has moved
// below, and there we follow it.
Result<void> Executor::follow_init() {
    const Error refused(EBUSY, "clone3", "the container's cgroup takes no processes");
    std::string file = "/proc/" + std::to_string(state_.init.pid) + "/cgroup";
    URC_TRY(std::string cgroups, read_file_at(AT_FDCWD, file.c_str()));
    URC_TRY(cgroup::Layout layout, cgroup::Layout::detect());
    const cgroup::Directory* own = cgroup_->directory(cgroup::Controller::unified);
    for (const cgroup::Hierarchy& hierarchy : layout.hierarchies()) {
        if (!hierarchy.is_v2() || !own || layout.version() != cgroup::Version::v2) continue;
        std::string below = cgroup::path_below(own->path, hierarchy.mount_point, cgroups);
        return below.empty() ? refused : cgroup_->descend({}, below);
    }
    return refused;
}

Result<void> Executor::limit_process() {
    if (child_.is_in_user) URC_TRY_VOID(process::raise_hard_limits(process_.pid, wanted_.rlimits));
    if (!wanted_.oom_score_adj) return {};
    return process::set_oom_score(process_.pid, *wanted_.oom_score_adj, is_rootless(global_));
}

Result<void> Executor::join_rdt_group() {
    auto joined = rdt::add_thread(global_.rdt_host, state_.rdt, process_.pid);
    return joined ? joined : std::move(joined).error().context("Intel RDT");
}

Result<void> Executor::await_ready() {
    if (is_stage_) {
        auto cloned = await_clone(global_.log, channel_, console_, process_.pidfd);
        if (!cloned.ok()) return std::move(cloned).error();
        process_ = std::move(*cloned);
        is_stage_ = false;
        return {};
    }
    return child_.reports_ready ? urc::await_ready(global_.log, channel_, console_) : Result<void>{};
}

// What the last page has cloned cannot write its number into its environment; it is the word's text.
Result<void> Executor::say_last_word() {
    std::string own_pid;
    if (child_.clones_last && child_.listen_fds > 0) {
        URC_TRY(own_pid, process::innermost_pid(process_.pid));
    }
    return say_go(global_.log, channel_, pass_to_agent(state_, process_.pid, status_),
                  child_.clones_last ? &process_.pidfd : nullptr, own_pid);
}

// The body is the word that runc sends with it.
Result<void> Executor::send_pidfd() {
    if (!pidfd_socket_) return {};
    return process::send_descriptor(pidfd_socket_.get(), "setns", process_.pidfd.get(), "--pidfd-socket");
}

Result<Executed> start_exec(const Global& global, const ExecOptions& options, const child::StepHook& hook) {
    return Executor(global, options, hook).work_off();
}

Result<int> exec(const Global& global, const ExecOptions& options) {
    std::optional<Foreground> foreground;
    if (!options.detach) {
        auto subreaper = options.no_subreaper ? Subreaper::no : Subreaper::yes;
        URC_TRY(Foreground entered, Foreground::enter(global.log, subreaper));
        foreground.emplace(std::move(entered));
    }
    URC_TRY(Executed process, start_exec(global, options));
    if (!foreground) return 0;
    auto status = foreground->attend(
        {.pid = process.pid, .pidfd = process.process.get(), .terminal = std::move(process.terminal)});
    if (!status.ok()) kill_and_reap(process.process);
    return status;
}

std::vector<std::string_view> exec_parent_step_names() {
    std::vector<std::string_view> names;
    for (const Step& step : kSteps) names.push_back(step.name);
    return names;
}

}  // namespace urc
