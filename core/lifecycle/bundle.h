// The bundle that a container is made from: read, judged, and refused before anything is touched. `create`,
// `run` and `restore` begin here.
#pragma once

#include <string>

#include "core/lifecycle/rootless.h"
#include "core/runtime.h"
#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc {

struct Bundle {
    std::string path;    // absolute
    std::string rootfs;  // root.path, absolute
    spec::Spec spec;     // valid; has a process
};

// Reads the configuration that `options` names, by the bundle's directory. Its warnings go to the log.
Result<Bundle> load_bundle(const Global& global, const CreateOptions& options);

// Whether a process's terminal and --console-socket (empty: none) fit together; `is_detached`: nobody stays
// to relay.
Result<void> check_console(bool has_terminal, const std::string& console_socket, bool is_detached);

// A terminal in the foreground has its caller's size, if the caller has one. The relay sets it as well, but
// the program may have asked before.
void take_size_of_caller(spec::Process& process);

}  // namespace urc
