// The child between clone3 and execve: plain system calls in one fixed order. No ring, no coroutine, no
// thread.
//
// Nothing in here trusts the rootfs, and no code of the container runs before the last line. The order of the
// steps is a matter of security; why a step stands where it does is said beside it.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "core/child/labels.h"
#include "core/child/launch.h"
#include "core/signals.h"

namespace urc::child {

namespace {

// What the steps hand to each other besides the launch itself.
struct Context {
    Launch& launch;
    std::string program;
    std::vector<std::string> env;
};

Result<void> start_session(Context& context) {
    // Its own session: no signal of the caller's terminal reaches it, and a terminal of its own can be had.
    if (::setsid() < 0) return Error::last("setsid");
    ::prctl(PR_SET_DUMPABLE, context.launch.has_new_user && ::geteuid() != 0 ? 1 : 0, 0, 0, 0);
    die_with_parent(context.launch);
    URC_TRY_VOID(take_stdio(context.launch));
    return reset_signals();
}

Result<void> join_given_namespaces(Context& context) {
    URC_TRY_VOID(join_namespaces(context.launch.joins));
    if (context.launch.is_in_user) die_with_parent(context.launch);
    return {};
}

Result<void> become_root_of_user_namespace(Context& context) {
    if (!context.launch.has_new_user) return {};
    auto mapped = context.launch.channel.expect(process::Message::ids_mapped);
    if (!mapped.ok()) return std::move(mapped).error();
    URC_TRY_VOID(become_namespace_root(context.launch));
    die_with_parent(context.launch);
    return {};
}

// v1 with a user namespace: the files of the hierarchies belong to the caller, so this comes before it
// becomes somebody else. Without one, later: the parent makes the directories meanwhile.
Result<void> enter_cgroup_early(Context& context) {
    if (!context.launch.is_in_user) return {};
    URC_TRY_VOID(await_scope(context.launch));
    return attach_to_cgroup(context.launch);
}

Result<void> enter_cgroup(Context& context) {
    URC_TRY_VOID(await_scope(context.launch));
    URC_TRY_VOID(attach_to_cgroup(context.launch));
    // Only now: the root of a cgroup namespace is the cgroup in which its maker is (cgroup_namespaces(7)).
    if (context.launch.spec->linux.has_new(spec::NamespaceType::cgroup) && ::unshare(CLONE_NEWCGROUP) < 0)
        return Error::last("unshare", "cgroup namespace");
    return {};
}

Result<void> move_to_cgroup(Context& context) {
    return attach_to_cgroup(context.launch);
}
Result<void> enter_the_container(Context& context) {
    URC_TRY_VOID(enter_container(context.launch));
    die_with_parent(context.launch);
    return {};
}

Result<void> set_up_network(Context& context) {
    // Before sysctls and hooks, which may be about the devices that the parent moves in here.
    if (!context.launch.spec->linux.net_devices.empty()) {
        auto ready = context.launch.channel.expect(process::Message::network_ready);
        if (!ready.ok()) return std::move(ready).error();
    }
    if (!context.launch.spec->linux.has_new(spec::NamespaceType::network)) return {};
    return bring_loopback_up();
}

// SELinux: the keyring carries the label of the process, whatever else is made carries the default.
Result<void> join_session_keyring(Context& context) {
    const std::string& label = context.launch.process->selinux_label;
    if (label.empty() || context.launch.no_new_keyring) return join_keyring(context.launch);
    URC_TRY(Procfs procfs, Procfs::open());
    URC_TRY_VOID(set_key_label(procfs, label));
    URC_TRY_VOID(join_keyring(context.launch));
    return set_key_label(procfs, {});
}
Result<void> schedule(Context& context) {
    return set_scheduling(context.launch);
}

Result<void> place_memory(Context& context) {
    return set_memory_policy(context.launch.spec->linux);
}

// personality(2): what uname(2) calls the machine, mostly.
Result<void> set_personality(Context& context) {
    const auto& personality = context.launch.spec->linux.personality;
    if (personality && ::personality(*personality) < 0) return Error::last("personality");
    return {};
}
Result<void> prepare_mounts(Context& context) {
    return prepare_rootfs(*context.launch.rootfs);
}

Result<void> set_up_terminal(Context& context) {
    return open_console(context.launch);
}

Result<void> name_host(Context& context) {
    const spec::Spec& spec = *context.launch.spec;
    if (!spec.hostname.empty() && ::sethostname(spec.hostname.data(), spec.hostname.size()) < 0)
        return Error::last("sethostname", spec.hostname);
    if (!spec.domainname.empty() && ::setdomainname(spec.domainname.data(), spec.domainname.size()) < 0)
        return Error::last("setdomainname", spec.domainname);
    return {};
}

Result<void> set_sysctls(Context& context) {
    if (context.launch.spec->linux.sysctl.empty()) return {};
    return write_sysctls(*context.launch.rootfs, context.launch.spec->linux.sysctl);
}

// createContainer hooks are of the host, and must not run with the labels of the container.
Result<void> run_hooks(Context& context) {
    return context.launch.has_hooks ? run_hooks_before_pivot(context.launch) : Result<void>{};
}

// While /proc can still be trusted; what runs between here and execve (a startContainer hook) is confined.
Result<void> label_process(Context& context) {
    const spec::Process& process = *context.launch.process;
    if (!has_labels(process)) return {};
    const auto& rootfs = context.launch.rootfs;
    URC_TRY(Procfs procfs, rootfs ? open_procfs(*rootfs) : Procfs::open());
    return set_labels(procfs, process);
}

Result<void> switch_root(Context& context) {
    return pivot(*context.launch.rootfs);
}

// While the root is still writable: a cwd that is not there is made, as runc does.
Result<void> make_cwd(Context& context) {
    const std::string& cwd = context.launch.process->cwd;
    for (std::size_t slash = 1; slash != std::string::npos;) {
        slash = cwd.find('/', slash + 1);
        std::string part = cwd.substr(0, slash);
        // tidy-ok paths-go-through-the-resolver: after the pivot there is nothing outside for a path to lead
        // to tidy-ok paths-go-through-the-resolver: in the container's root, after the pivot
        if (::mkdir(part.c_str(), 0755) < 0 && errno != EEXIST)
            break;  // enter_cwd tells what is wrong with it
    }
    return {};
}

Result<void> finish_mounts(Context& context) {
    return finish_rootfs(*context.launch.rootfs);
}

// Only the container's own descriptors, the channel and the start socket stay: the next step goes to a path
// that the container chose, and /proc/self/fd must not lead anywhere (CVE-2024-21626).
Result<void> close_descriptors(Context& context) {
    Launch& launch = context.launch;
    launch.rootfs.reset();
    URC_TRY_VOID(place_handed_over(launch));
    unsigned low = 3 + launch.passed_fds;
    auto channel = static_cast<unsigned>(launch.channel.get());
    auto listener = launch.start_listener ? static_cast<unsigned>(launch.start_listener.get()) : channel;
    for (unsigned keep : {std::min(channel, listener), std::max(channel, listener)}) {
        if (keep > low && ::close_range(low, keep - 1, 0) < 0) return Error::last("close_range");
        low = std::max(low, keep + 1);
    }
    if (::close_range(low, ~0U, 0) < 0) return Error::last("close_range");
    return {};
}

Result<void> give_stdio(Context& context) {
    return own_stdio(context.launch.process->user);
}
Result<void> bound_capabilities(Context& context) {
    return drop_bounding(*context.launch.process);
}

// Some directories only root may enter (0700 of another user), others only the user (a network file system, a
// user namespace): try both. The descriptor of the working directory then outlives the change of user.
Result<void> change_directory_and_user(Context& context) {
    auto entered = enter_cwd(context.launch.process->cwd);
    URC_TRY_VOID(become_user(context.launch));
    if (!entered.ok() && entered.error().code() == EACCES) entered = enter_cwd(context.launch.process->cwd);
    return entered;
}

Result<void> find_the_program(Context& context) {
    context.env = make_environment(context.launch);
    URC_TRY(context.program,
            find_program(context.launch.process->args.at(0), context.env, context.launch.clones_last));
    URC_TRY_VOID(raise_permitted());
    return {};
}

struct Step {
    std::string_view name;
    Result<void> (*act)(Context&);
};

constexpr Step kSteps[] = {
    {"session", start_session},
    {"cgroup of the caller", enter_cgroup_early},
    {"namespaces", join_given_namespaces},
    {"user namespace", become_root_of_user_namespace},
    {"cgroup", enter_cgroup},
    {"network", set_up_network},
    {"keyring", join_session_keyring},
    {"scheduling", schedule},
    {"memory policy", place_memory},
    {"personality", set_personality},
    {"mounts", prepare_mounts},
    {"terminal", set_up_terminal},
    {"hostname", name_host},
    {"sysctl", set_sysctls},
    {"hooks", run_hooks},
    {"labels", label_process},
    {"pivot", switch_root},
    {"cwd", make_cwd},
    {"masks", finish_mounts},
    {"descriptors", close_descriptors},
    {"stdio", give_stdio},
    {"bounding set", bound_capabilities},
    {"user", change_directory_and_user},
    {"program", find_the_program},
};

// A process more in a container that runs. Its own set-up is the container's already; what is left is the
// same, in an order of its own: the host's descriptors go as soon as the namespaces are joined.
constexpr Step kExecSteps[] = {
    {"session", start_session},
    {"labels", label_process},
    {"cgroup", move_to_cgroup},
    {"namespaces", enter_the_container},
    {"descriptors", close_descriptors},
    {"keyring", join_session_keyring},
    {"scheduling", schedule},
    {"memory policy", place_memory},
    {"personality", set_personality},
    {"terminal", set_up_terminal},
    {"stdio", give_stdio},
    {"bounding set", bound_capabilities},
    {"user", change_directory_and_user},
    {"program", find_the_program},
};

std::int64_t monotonic_us() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

Result<void> work_off(Context& context, std::span<const Step> steps) {
    Launch& launch = context.launch;
    std::string trace;
    std::int64_t begin = launch.traces_phases ? monotonic_us() : 0;
    for (const Step& step : steps) {
        if (launch.hook) URC_TRY_VOID(launch.hook(step.name));
        URC_TRY_VOID(step.act(context));
        if (!launch.traces_phases) continue;
        std::int64_t end = monotonic_us();
        trace.append(step.name).append("=").append(std::to_string(end - begin)).append("us ");
        begin = end;
    }
    if (!trace.empty()) URC_TRY_VOID(launch.channel.send(process::Message::phases, 0, trace));
    return {};
}

std::vector<std::string_view> names_of(std::span<const Step> steps) {
    std::vector<std::string_view> names;
    for (const Step& step : steps) names.push_back(step.name);
    return names;
}

[[noreturn]] void become_program(Launch& launch, std::span<const Step> steps) {
    Context context{launch, {}, {}};
    if (auto done = work_off(context, steps); !done.ok()) give_up(launch, done.error());
    execute(launch, std::move(context.program), std::move(context.env));
}

}  // namespace

std::vector<std::string_view> step_names() {
    return names_of(kSteps);
}
std::vector<std::string_view> exec_step_names() {
    return names_of(kExecSteps);
}

void run_init(Launch& launch) {
    become_program(launch, kSteps);
}
void run_exec(Launch& launch) {
    become_program(launch, kExecSteps);
}

}  // namespace urc::child
