// Monitor: how each of the rows that relay output starts its container, and what is left of it afterwards.
//
//   file            no monitor: the program's standard output is the log          (what nothing costs)
//   copy            a pipe to bench/copy.c                                        (what reading and writing
//   costs) conmon/RUNTIME  conmon, called as podman calls it, the runtime below it       (k8s-file, its only
//   plain file) conmon/bare     conmon over a script in place of a runtime: no container urc DRIVER      `urc
//   run -d --log-driver DRIVER`
//
// The container's program waits at the gate (gate.h), so that the monitor can be looked at before and after.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/line_log.h"
#include "bench/runner.h"
#include "bench/start.h"
#include "bench/watched.h"
#include "uring/result.h"

namespace urc::bench {

// One container of one round.
struct Place {
    std::string id;
    std::string bundle;
    std::string log;
};

// What start has left running. The program itself only where the harness is its parent.
struct Running {
    std::optional<Watched> monitor;
    std::optional<Launch> program;
};

class Monitor {
public:
    virtual ~Monitor() = default;

    virtual std::string name() const = 0;
    virtual std::string path() const = 0;
    virtual LogFormat format() const = 0;

    // Returns when the monitor is there; the program says at the gate that it is, too.
    virtual Result<Running> start(const Place& place) = 0;

    // After the program and the monitor have ended.
    virtual Result<void> remove(const Place& place) = 0;

    // A container that runs, and all that was left of it.
    virtual Result<void> end(const Place&) { return {}; }

    // After a failure, whatever there is of it.
    virtual void abandon(const Place& place) = 0;
};

std::unique_ptr<Monitor> file_monitor(std::vector<std::string> program);
std::unique_ptr<Monitor> copy_monitor(std::vector<std::string> program, std::string copy);

struct ConmonOptions {
    std::string conmon;
    NamedPath runtime;
    std::string directory;  // an existing one, for its pid files, exit files and the runtime's root
    bool has_terminal = false;
    std::string notify_socket;  // --sdnotify-socket, unless empty
};
Result<std::unique_ptr<Monitor>> conmon_monitor(ConmonOptions options);

// A "runtime" that starts `program` as it is. For conmon without a container.
Result<void> write_bare_runtime(const std::string& path, const std::vector<std::string>& program);

struct UrcOptions {
    std::string urc;
    std::string driver;  // k8s-file or raw-file
    std::string root;
};
std::unique_ptr<Monitor> urc_monitor(const UrcOptions& options);

// `RUNTIME run -d`, with nobody beside the container.
struct AloneOptions {
    NamedPath runtime;
    std::string root;
};
std::unique_ptr<Monitor> no_monitor(AloneOptions options);

}  // namespace urc::bench
