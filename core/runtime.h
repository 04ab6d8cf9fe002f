// The facade that cli calls: one function a verb, plain structs in, values or Errors out. Nothing here reads
// argv or prints an answer.
//
// An Error's text starts at the step ("cgroup: mkdir: ..."); cli puts `urc: <verb> <id>: ` in front.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/cgroup/stats.h"
#include "core/lifecycle/net_stats.h"
#include "core/log.h"
#include "core/logs/instant.h"
#include "core/ports/spec.h"
#include "core/ports/stats.h"
#include "core/process/passed_fds.h"
#include "core/rdt/stats.h"
#include "core/relay/sink_options.h"
#include "core/spec/spec.h"
#include "core/spec/validate.h"
#include "core/state/state.h"
#include "uring/result.h"

namespace urc {

enum class CgroupManager : std::uint8_t { cgroupfs, systemd, disabled };

// Whether failing to write cgroups is an error: `yes` forgives EPERM and EACCES, `automatic` when not root.
enum class Rootless : std::uint8_t { automatic, yes, no };

struct Global {
    std::string root;  // absolute, without "." and ".."; never "/"
    bool root_is_default = false;
    CgroupManager cgroup_manager = CgroupManager::cgroupfs;
    Rootless rootless = Rootless::automatic;
    const Log& log;
    rdt::Host rdt_host{};  // tests: another
};

// The manager that started urc, and what the container may say to it (sd_notify(3), core/notify).
struct NotifyOptions {
    std::string socket;          // $NOTIFY_SOCKET; empty: there is none
    std::string watchdog_usec;   // $WATCHDOG_USEC, where it was meant for us
    std::string fdstore;         // $FDSTORE
    bool allows_access = false;  // NOTIFYACCESS= is passed on
    bool allows_fdstore = false;
    bool is_at_host_path = false;  // crun's layout: a directory where the host's socket is, `notify` in it
};

// $NOTIFY_SOCKET; $WATCHDOG_USEC and $FDSTORE where they are meant for this process.
NotifyOptions find_manager();

struct CreateOptions {
    std::string id;
    std::string bundle;                                  // empty: the working directory
    std::string config_file;                             // relative to the bundle; empty: config.json
    std::string pid_file, console_socket, pidfd_socket;  // relative to the working directory, not the bundle
    bool detach = false;                                 // run only
    bool keep = false;                                   // run only
    bool no_pivot = false;
    bool no_new_keyring = false;
    bool no_subreaper = false;
    process::PassedFds passed;  // LISTEN_FDS and --preserve-fds; found before anything was opened
    // Where its output goes; none: the caller's descriptors are the container's own.
    std::vector<relay::SinkOptions> sinks;
    bool is_interactive = false;  // with sinks: its stdin stays open, for `attach`
    NotifyOptions notify;
    std::vector<ports::Spec> publish;
    // Hears of each port when it is bound, in the order given, before there is a container. Its Error ends
    // it.
    std::function<Result<void>(const ports::Spec& asked, const ports::Spec& bound)> published;
};

struct ExecOptions {
    std::string id;
    std::vector<std::string> args;
    // The text of --process: then everything down to `caps` is ignored, as it is with runc.
    std::optional<std::string> process_document;
    bool tty = false;
    std::string cwd, apparmor, process_label;
    std::optional<std::string> user;  // UID[:GID]
    std::optional<bool> no_new_privs;
    std::vector<std::string> env, caps;
    std::vector<unsigned> additional_gids;

    std::vector<std::string> cgroups;                    // [CONTROLLER[,CONTROLLER]:]PATH
    std::string pid_file, console_socket, pidfd_socket;  // relative to the working directory
    bool detach = false;
    bool no_subreaper = false;
    bool ignore_paused = false;
    process::PassedFds passed;
};

// Whether containers can be made with the chosen cgroup manager on this host.
Result<void> check_cgroup_manager(const Global& global);

struct RootOptions {
    std::optional<std::string> given;  // --root, as it was typed
    std::string_view program = "urc";  // names the default directory
};

struct StateRoot {
    std::string path;
    bool is_default = false;
};

// Where the state lives: --root made absolute and clean, or the default for this user (features 1.1 to 1.5).
// Makes the directory below $XDG_RUNTIME_DIR (0700 and sticky), nothing else.
Result<StateRoot> find_state_root(const RootOptions& options);

// What `state` and `list` show of a container.
struct StateView {
    std::string id;
    pid_t pid = 0;  // 0 when stopped
    Status status = Status::stopped;
    std::string bundle, rootfs;
    std::string created;  // RFC 3339, UTC, nanoseconds
    spec::StringMap annotations;
    std::string owner;               // a user name; the number where it has none
    pid_t monitor_pid = 0;           // 0: none, or none any more
    std::vector<ports::Spec> ports;  // published; none of a stopped one
};

// Before run, create and exec, with nothing opened yet: makes sure that urc's own executable cannot be
// reached from inside the container (CVE-2019-5736). On kernels where that asks for a copy of it, urc starts
// over from there.
Result<void> guard_own_executable();

// Foreground: the exit status of the container (128 + n for signal n). Detached: 0.
Result<int> run(const Global& global, const CreateOptions& options);
Result<void> create(const Global& global, const CreateOptions& options);
struct StartOptions {
    bool awaits_ready = false;  // by a manager: until the container has said READY=1, where it can
};
Result<void> start(const Global& global, std::string_view id, const StartOptions& options = {});
// One more process in a container that runs, or was created. Foreground: its exit status. Detached: 0.
Result<int> exec(const Global& global, const ExecOptions& options);

struct KillOptions {
    int signal = 15;
    bool all = false;       // every process of the container; a stopped container is no error
    bool is_regex = false;  // `id` is a regular expression; no match is no error
};
Result<void> kill(const Global& global, std::string_view id, const KillOptions& options);

// Freezes all processes of a created or running container ("container not running"), and lets them go on
// ("container not paused").
Result<void> pause(const Global& global, std::string_view id);
Result<void> resume(const Global& global, std::string_view id);

// The numbers that the container's processes have here, sorted; none of a stopped one. ps_table: what ps(1)
// says of them, with its header; the options are for ps, "-ef" when there are none.
Result<std::vector<pid_t>> pids(const Global& global, std::string_view id);
Result<std::string> ps_table(const Global& global, std::string_view id,
                             const std::vector<std::string>& ps_options);

struct UpdateOptions {
    spec::Resources resources;                       // only what is to change
    std::string l3_cache_schema{}, mem_bw_schema{};  // Intel RDT; empty: unchanged
    std::span<const FieldName> names{};  // the options that `resources` came from; none: a document
};
// Writes the new limits of a container that is created, running or paused. All or nothing: when one is
// refused, those that were written before are taken back and the state stays as it was.
Result<void> update(const Global& global, std::string_view id, const UpdateOptions& options);
// The document of `update --resources`; "-" is the standard input.
Result<spec::Resources> read_resources(const std::string& path);

struct ContainerStats {
    cgroup::Stats cgroup;
    std::optional<rdt::Stats> rdt;           // of a container that has a group in resctrl
    std::vector<InterfaceStats> interfaces;  // of a network namespace of its own; without the loopback
};
struct EventsOptions {
    bool once = false;  // the statistics of this moment, and no more
    std::chrono::nanoseconds interval = std::chrono::seconds(5);
};
// nullptr: the out-of-memory killer was there. An Error from it ends events() with that.
using EventSink = std::function<Result<void>(const ContainerStats*)>;
// Statistics at every interval, and out-of-memory kills, until the container's init ends.
Result<void> events(const Global& global, std::string_view id, const EventsOptions& options,
                    const EventSink& sink);

struct LogsOptions {
    std::optional<std::uint64_t> tail;  // lines; empty: all
    std::optional<logs::Instant> since, until;
    bool wants_out = true, wants_err = true;
    bool has_timestamps = false;
    bool follow = false;  // until the container's monitor ends
    int output_fd = -1;   // followed only as long as somebody reads from it; -1: in any case
};
using LogSink = std::function<Result<void>(relay::Stream stream, std::string_view bytes)>;
// What the container has written, from the first of its sinks that keeps it. An Error from `sink` ends it
// with that; EPIPE when nobody reads `output_fd` any more.
Result<void> read_logs(const Global& global, std::string_view id, const LogsOptions& options,
                       const LogSink& sink);
// Has the monitor begin new files.
Result<void> rotate_logs(const Global& global, std::string_view id);

struct AttachOptions {
    std::string detach_keys = "ctrl-p,ctrl-q";  // as docker writes them; empty: none
    bool no_stdin = false;
    std::optional<bool> sig_proxy{};  // signals go to the container's init; not said: when it has no terminal
};
struct AttachEnd {
    int status = 0;            // the container's, or 128 + n when signal n ended the attachment only
    bool is_detached = false;  // the detach keys were typed: the container goes on
};
// This process's standard streams beside those of a container that has a monitor, until it ends. "nobody
// monitors the container" (ENOENT, ECONNREFUSED) when none is there.
Result<AttachEnd> attach(const Global& global, std::string_view id, const AttachOptions& options);

struct PublishedPort {
    ports::Spec spec;
    ports::Stats stats;  // of one that is handed over: zeros
};
// The ports of a container that runs or was created, those that were handed over first.
Result<std::vector<PublishedPort>> list_ports(const Global& global, std::string_view id);
// Publishes more of them: all, or none. As they were opened. Where nobody stays with the container, a monitor
// begins to.
Result<std::vector<ports::Spec>> add_ports(const Global& global, std::string_view id,
                                           std::span<const ports::Spec> specs);
// Closes them, all or none: ENOENT names the first that is not there. An address inside that is left open
// fits any. Connections may go on for a while (ports::Surroundings::kGrace).
Result<void> remove_ports(const Global& global, std::string_view id, std::span<const ports::Spec> specs);

struct DeleteOptions {
    bool force = false;  // kills first; an unknown container is no error
    bool is_regex = false;
};
Result<void> remove(const Global& global, std::string_view id, const DeleteOptions& options);

// Never fails because of a lock, a cgroup that is gone or a create that is still going on.
Result<StateView> state(const Global& global, std::string_view id);
// By id. Directories that are no containers are left out, with a warning in the log.
Result<std::vector<StateView>> list(const Global& global);

// What checkpoint and restore share. Paths are relative to the working directory.
struct ImageOptions {
    std::string image_path;                     // of criu's images; empty: "checkpoint"
    std::string work_path;                      // of criu's log; empty: the images' directory
    std::string manage_cgroups_mode;            // "soft", "full", "strict", "ignore"; empty: criu's default
    std::vector<std::string> empty_namespaces;  // "network"
    bool tcp_established = false;
    bool external_unix_sockets = false;
    bool shell_job = false;
    bool file_locks = false;
    bool auto_dedup = false;
    bool lazy_pages = false;
};

struct CheckpointOptions {
    ImageOptions image;
    std::string parent_path;  // of the pre-dump's images, relative to image_path
    std::string page_server;  // "ADDRESS:PORT"
    std::string status_fd;    // a descriptor of the caller that gets a NUL byte when lazy pages are ready
    bool leave_running = false;
    bool pre_dump = false;
    bool tcp_skip_in_flight = false;
    bool link_remap = false;
};
// Has criu(8) save the container's processes. A full dump ends the container, unless it is left running.
Result<void> checkpoint(const Global& global, std::string_view id, const CheckpointOptions& options);

struct RestoreOptions {
    CreateOptions create;
    ImageOptions image;
    std::string lsm_profile;  // "TYPE:NAME"
    std::string lsm_mount_context;
    bool tcp_close = false;
};
// Makes the container from its bundle and has criu(8) fill it with the saved processes. The exit status as
// with run(). On error nothing is left.
Result<int> restore(const Global& global, const RestoreOptions& options);

// What this urc can do, as JSON (the specification's features.md): the same on every host, but for what
// depends on the C library's neighbours (libseccomp, criu) and on the kernel's seccomp flags.
std::string describe_features();

struct SpecOptions {
    std::string bundle;  // empty: the working directory
    bool rootless = false;
};
// Writes an example config.json. Never over an existing one.
Result<void> write_example_spec(const SpecOptions& options);

}  // namespace urc
