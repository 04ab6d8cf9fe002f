#include "core/monitor/pipes.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "uring/file.h"

namespace urc::monitor {

namespace {

// A fuller pipe means fewer, longer reads. Beyond what a user may have (pipe(7)) it stays as it is.
constexpr int kPipeSize = 256 << 10;

Result<void> make_pipe(Fd& reader, Fd& writer) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return Error::last("pipe");
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
    (void)::fcntl(ends[0], F_SETPIPE_SZ, kPipeSize);
    return {};
}

Result<void> bind_ports(const CreateOptions& options, std::vector<ports::BoundPort>& bound) {
    URC_TRY(bound, ports::bind_ports(options.publish));
    for (std::size_t i = 0; options.published && i < bound.size(); ++i)
        URC_TRY_VOID(options.published(options.publish[i], bound[i].spec));
    return {};
}

}  // namespace

Result<Pipes> Pipes::make(const CreateOptions& options, bool is_detached) {
    Pipes pipes;
    URC_TRY_VOID(bind_ports(options, pipes.ports));
    if (options.sinks.empty()) return pipes;
    URC_TRY_VOID(make_pipe(pipes.out, pipes.container[STDOUT_FILENO]));
    URC_TRY_VOID(make_pipe(pipes.err, pipes.container[STDERR_FILENO]));
    if (!is_detached) return pipes;
    if (!options.is_interactive) {
        URC_TRY(pipes.container[STDIN_FILENO], open_at(AT_FDCWD, "/dev/null", O_RDONLY));
        return pipes;
    }
    URC_TRY_VOID(make_pipe(pipes.container[STDIN_FILENO], pipes.in));
    // Ours alone: the container's end is another description.
    if (::fcntl(pipes.in.get(), F_SETFL, O_NONBLOCK) < 0) return Error::last("fcntl", "stdin");
    return pipes;
}

Attendance Pipes::attendance(pid_t pid, bool is_monitor) const {
    return {.pid = pid,
            .is_monitor = is_monitor,
            .stdio = {container[0].get(), container[1].get(), container[2].get()},
            .ports = ports};
}

std::vector<ports::BoundPort> Pipes::take_relayed_ports() {
    std::vector<ports::BoundPort> taken;
    for (ports::BoundPort& port : ports)
        if (!port.spec.handover) taken.push_back({port.spec, std::move(port.socket)});
    return taken;
}

void Pipes::close_containers_ends() {
    for (Fd& end : container) end.reset();
    for (ports::BoundPort& port : ports)
        if (port.spec.handover) port.socket.reset();
}

void Pipes::close_attendants_ends() {
    in.reset();
    out.reset();
    err.reset();
    (void)take_relayed_ports();
}

}  // namespace urc::monitor
