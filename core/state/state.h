// State: what urc remembers about a container between two calls, and what it reads from the kernel to say how
// the container is now.
//
// The status is computed, never stored: init alive (pid AND start time, not a zombie) means created while
// start.sock is there, paused while the cgroup is frozen, running otherwise; anything else is stopped.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ports/spec.h"
#include "core/rdt/group.h"
#include "core/relay/sink_options.h"
#include "core/spec/spec.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc {

enum class Status : std::uint8_t { creating, created, running, paused, stopped };
std::string_view status_word(Status status);

// The identity of a process that survives the reuse of its number.
struct ProcessId {
    pid_t pid = 0;
    std::uint64_t start_time = 0;   // field 22 of /proc/PID/stat
    std::uint64_t pidfd_inode = 0;  // unique on pidfs (Linux 6.9); 0: not known
};

// linux.seccomp.listenerPath and listenerMetadata; empty when no rule of the profile notifies.
struct SeccompAgent {
    std::string path, metadata;
};

// ROOT/ID/state.json. runc's names where tools peek; urc's own below the key "urc". See store.h.
struct State {
    std::string id;
    ProcessId init;  // pid 0: still being created
    timespec created{};
    std::string bundle;       // absolute
    std::string config_file;  // in the bundle; empty: config.json
    std::string rootfs;       // absolute
    spec::StringMap annotations;
    uid_t owner = 0;
    bool rootless = false;
    bool is_restored = false;     // by criu: its init has never executed anything
    bool has_own_keyring = true;  // a session keyring, which exec joins
    // Controller ("" on v2) and absolute directory; the ones that urc made itself, parents included, in
    // the order they were made: delete removes exactly these.
    std::vector<std::pair<std::string, std::string>> cgroup_paths;
    std::vector<std::string> cgroups_made;
    std::string systemd_unit;  // the scope, where systemd made the cgroup: the user's systemd for `rootless`
    std::vector<spec::Namespace> namespaces;          // as configured; a new one has an empty path
    std::array<std::string, 3> external_descriptors;  // what 0, 1, 2 were, for CRIU
    rdt::Group rdt;                                   // in resctrl, where linux.intelRdt asked for one
    spec::Resources resources;  // the limits in force, without device rules: what `update` starts from
    // Those that are still to come, poststart and poststop: `delete` must not need config.json.
    spec::Hooks hooks;
    SeccompAgent seccomp_agent;             // who answers what the filter notifies, for `start` and `exec`
    std::vector<relay::SinkOptions> sinks;  // where the output goes, in the order they were given
    ProcessId monitor;                      // who takes it there; pid 0: nobody relays
    std::vector<ports::Spec> ports;         // published, with what was left open in them
    std::string notify_socket;              // NOTIFY_SOCKET in the container; empty: no manager

    bool has_own_pid_namespace() const {
        for (const spec::Namespace& ns : namespaces)
            if (ns.type == spec::NamespaceType::pid) return ns.path.empty();
        return false;
    }
};

// Reads the start time and state of `pid`; ESRCH when there is no such process.
struct ProcessStat {
    char state = 0;             // 'R', 'S', 'Z' ...
    bool has_executed = false;  // false: it is still what it was forked as (PF_FORKNOEXEC)
    bool is_exiting = false;    // on its way out (PF_EXITING), and maybe out of its cgroup already
    std::uint64_t start_time = 0;
};
Result<ProcessStat> read_process_stat(pid_t pid);

// The full identity of a process that cannot go away meanwhile (our own unreaped child). `pidfd` may be -1.
Result<ProcessId> identify(pid_t pid, int pidfd);

// True while that very process exists and is not a zombie.
bool is_alive(const ProcessId& process);

// A pidfd of that very process; ESRCH when it is gone or a zombie.
Result<Pidfd> open_process(const ProcessId& process);

// "/proc/self/fd/N" of what becomes the container's 0, 1 and 2, read; empty where closed. -1: our own.
std::array<std::string, 3> read_external_descriptors(const std::array<int, 3>& stdio = {-1, -1, -1});

}  // namespace urc
