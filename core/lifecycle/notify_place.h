// Where a container finds its way to the manager (core/notify/proxy.h).
//
//   host                                        container
//   ROOT/ID/notify/          0755   --bind-->   /run/notify/              read-only, nosuid, nodev, noexec
//                notify.sock 0777               /run/notify/notify.sock   NOTIFY_SOCKET
//
// The directory is mounted and not the socket: a socket that is made anew later would not be seen. Root of a
// user namespace and plain users can send, since the socket is everybody's and ROOT is nobody else's.
//
// crun's layout (--notify-compat=host-path) mounts the directory at the path of the host's socket, which the
// container then has as `notify` in it.
#pragma once

#include <string>

#include "core/runtime.h"
#include "core/spec/spec.h"
#include "core/state/store.h"

namespace urc {

inline constexpr const char* kNotifyDirectory = "notify";

struct NotifyPlace {
    std::string source;       // ROOT/ID/notify
    std::string name;         // of the socket in it
    std::string destination;  // in the container; empty: it has the host's file system, nothing is mounted
    std::string path;         // NOTIFY_SOCKET in the container
    // The configuration has a NOTIFY_SOCKET and mounts what leads to it: an engine forwards by itself.
    bool is_taken = false;
};

NotifyPlace place_notify_socket(const spec::Spec& spec, const NotifyOptions& options, const std::string& root,
                                const std::string& id);

// ROOT/ID/notify, made.
Result<Fd> make_notify_directory(const StateDir& dir);

// The mount, and what the process is told: NOTIFY_SOCKET, WATCHDOG_USEC, FDSTORE.
void add_notify_socket(spec::Spec& spec, const NotifyOptions& options, const NotifyPlace& place);

// NAME=VALUE in place of any other value.
void set_variable(std::vector<std::string>& env, std::string_view name, std::string_view value);

}  // namespace urc
