// What the parent prepares and the child works off between clone3 and execve. The child is a fork: it reads
// all of this from its own copy, so nothing is serialised, and only plain system calls are left for it to
// make.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cgroup/cgroup.h"
#include "core/child/rootfs.h"
#include "core/hooks/process.h"
#include "core/process/channel.h"
#include "core/process/spawn.h"
#include "core/seccomp/seccomp.h"
#include "core/spec/spec.h"
#include "uring/fd.h"

namespace urc::child {

// A namespace to join, opened and checked by the parent before anything else happened (NS_GET_NSTYPE).
struct Join {
    spec::NamespaceType type{};
    std::string path;  // for messages
    Fd fd;
};

// LISTEN_PID of a process that is not there yet: digits and a NUL.
inline constexpr std::size_t kPidTextSize = 12;

// Called before every step with its name. Production traces phases with it; a test returns an Error to fail
// there.
using StepHook = std::function<Result<void>(std::string_view step)>;

// exec: the way into a container that runs. `init` is borrowed.
struct Entry {
    int init = -1;  // the pidfd of its init
    int namespaces =
        0;    // CLONE_NEW*: those in which init is and we are not; none are left once they are joined
    Fd root;  // init's root directory, where we share its mount namespace
};

struct Launch {
    const spec::Spec* spec = nullptr;
    const spec::Process* process = nullptr;
    std::string id;
    std::string_view bundle;  // absolute
    bool has_hooks = false;   // of spec->hooks: those of the child, and waiting for those of the parent

    std::uint64_t new_namespaces = 0;  // CLONE_NEW* that clone3 makes; cgroup and time are unshared later
    bool has_new_user = false;         // the parent writes the maps and says ids_mapped
    bool is_in_user = false;           // new or joined: root inside is not root outside
    bool is_setgroups_denied = false;
    std::vector<Join> joins;

    Entry entry;       // exec
    std::string cpus;  // exec: process.execCPUAffinity.final; empty: all that the cpuset has
    bool clones_last =
        false;  // exec: only the last page clones into the container's pid namespace (enter.cpp)

    cgroup::Cgroup* cgroup = nullptr;  // null: none
    bool attaches_to_cgroup = false;   // the child moves itself into the hierarchies of v1 ...
    bool awaits_cgroup = false;        // ... once the parent has said cgroup_ready
    bool awaits_scope = false;         // systemd moves it; cgroup_ready tells when that is done
    cgroup::Cgroup::Birth birth = cgroup::Cgroup::Birth::elsewhere;  // where clone3 put it already

    std::optional<RootfsPlan> rootfs;
    std::optional<seccomp::Program> seccomp;
    bool no_new_keyring = false;
    unsigned passed_fds = 0;   // descriptors 3 .. 3+n-1 belong to the container (LISTEN_FDS, --preserve-fds)
    unsigned listen_fds = 0;   // how many of them are LISTEN_FDS
    std::string listen_names;  // LISTEN_FDNAMES; empty: they have none
    std::vector<int> handed_over;  // sockets that come behind these, and before --preserve-fds; borrowed
    // What becomes 0, 1 and 2, borrowed; -1: those of the parent as they are.
    std::array<int, 3> stdio{-1, -1, -1};
    bool says_watchdog_pid = false;  // WATCHDOG_PID is the process's own number (sd_watchdog_enabled(3))
    Fd console;                      // the terminal's slave end becomes stdin, stdout and stderr
    Fd start_listener;               // create: wait here for `urc start`
    bool reports_ready = false;      // the parent waits for `ready`
    bool traces_phases = false;
    StepHook hook;

    process::Channel channel;  // the child's end
};

// The first life of the child when namespaces must be joined before the container's init can be cloned (a
// user, pid or time namespace is involved): joins them, clones the init as the parent's own child, tells its
// pid by `spawned`, and exits. In the init it returns.
void join_then_clone(Launch& launch, int cgroup_fd);

// The same for exec, where the parent may not have its children born in the container's pid namespace.
void enter_then_clone(Launch& launch);

// Becomes the container's program. Never returns; errors go through the channel.
[[noreturn]] void run_init(Launch& launch);
[[noreturn]] void run_exec(Launch& launch);

// The names of the steps in order, for tests that make each one fail.
std::vector<std::string_view> step_names();
std::vector<std::string_view> exec_step_names();

// ---- the rooms behind the steps (one file each)
// ---------------------------------------------------------------

// Errors go to the parent; nobody is left to return to.
[[noreturn]] void give_up(const Launch& launch, const Error& error);  // namespaces.cpp
Result<void> await_scope(Launch& launch);                             // namespaces.cpp
Result<void> attach_to_cgroup(Launch& launch);                        // namespaces.cpp
Result<void> join_namespaces(std::vector<Join>& joins);               // namespaces.cpp
Result<void> become_namespace_root(const Launch& launch);             // namespaces.cpp
Result<void> set_time_offsets(const spec::Linux& linux);              // namespaces.cpp
void clone_successor(Launch& launch, process::CloneOptions options);  // namespaces.cpp
Result<void> enter_container(Launch& launch);                         // enter.cpp
Result<void> bring_loopback_up();                                     // session.cpp
bool has_lost_parent(const Launch& launch);                           // session.cpp
void die_with_parent(const Launch& launch);                           // session.cpp
void outlive_parent();                                                // session.cpp
Result<void> join_keyring(const Launch& launch);                      // session.cpp
Result<void> set_scheduling(const Launch& launch);                    // session.cpp
Result<void> set_memory_policy(const spec::Linux& linux);             // session.cpp
Result<void> open_console(Launch& launch);                            // console.cpp
Result<void> take_stdio(const Launch& launch);                        // user.cpp
Result<void> place_handed_over(Launch& launch);                       // descriptors.cpp
Result<void> own_stdio(const spec::User& user);                       // user.cpp
Result<void> enter_cwd(const std::string& cwd);                       // user.cpp
Result<void> become_user(const Launch& launch);                       // user.cpp
Result<void> drop_bounding(const spec::Process& process);             // user.cpp
Result<std::uint64_t> raise_permitted();                              // user.cpp
std::vector<std::string> make_environment(const Launch& launch);      // program.cpp
// `is_elsewhere`: we are not in the pid namespace in which it will run.
Result<std::string> find_program(const std::string& name, const std::vector<std::string>& env,
                                 bool is_elsewhere = false);                                   // program.cpp
[[noreturn]] void execute(Launch& launch, std::string program, std::vector<std::string> env);  // exec.cpp
Result<void> run_hooks_before_pivot(Launch& launch);                                           // hooks.cpp
Result<void> run_start_hooks(const Launch& launch, const hooks::Become& become);               // hooks.cpp

}  // namespace urc::child
