// run: a launch and its last word; in the foreground also the wait for its end, after which everything is
// removed.
#include "core/lifecycle/run.h"

#include <unistd.h>

#include "core/lifecycle/destroy.h"
#include "core/monitor/attendant.h"
#include "core/monitor/monitor.h"

namespace urc {

Result<std::optional<Foreground>> enter_foreground(const Global& global, const CreateOptions& options) {
    std::optional<Foreground> foreground;
    if (options.detach) return foreground;
    auto subreaper = options.no_subreaper ? Subreaper::no : Subreaper::yes;
    URC_TRY(Foreground entered, Foreground::enter(global.log, subreaper));
    foreground.emplace(std::move(entered));
    return foreground;
}

Result<int> attend(const Global& global, Foreground& foreground, Launched& container, bool keep,
                   monitor::Attendant* attendant) {
    container.dir.unlock();
    auto status = foreground.attend({.pid = container.state.init.pid,
                                     .pidfd = container.init.get(),
                                     .terminal = std::move(container.terminal),
                                     .attendant = attendant});
    if (!status.ok()) {
        kill_and_reap(container.init);
        (void)lock_and_destroy(global, container.dir);
        return status;
    }
    if (!keep) URC_TRY_VOID(lock_and_destroy(global, container.dir));
    return status;
}

namespace {

// What goes to the sinks is shown as well: a foreground is there to be looked at.
CreateOptions with_our_streams(const CreateOptions& options) {
    CreateOptions both = options;
    if (both.sinks.empty()) return both;
    relay::SinkOptions ours;
    ours.driver = relay::Driver::fd;
    ours.fd = STDOUT_FILENO;
    ours.takes_err = false;
    both.sinks.push_back(ours);
    std::swap(ours.takes_out, ours.takes_err);
    ours.fd = STDERR_FILENO;
    both.sinks.push_back(ours);
    return both;
}

// With output to be relayed or a manager to be told. The loop is there before the container, because the
// sinks are.
Result<int> run_attended(const Global& global, const CreateOptions& options, Foreground& foreground) {
    URC_TRY(Loop * loop, foreground.loop());
    URC_TRY(monitor::Pipes pipes, monitor::Pipes::make(options, false));
    const CreateOptions shown = with_our_streams(options);
    URC_TRY(auto attendant, monitor::Attendant::prepare(
                                *loop, {.global = global, .create = shown, .is_detached = false}, pipes));
    URC_TRY(Launched container,
            launch(global, options, StartedBy::channel, {}, pipes.attendance(::getpid(), false)));
    pipes.close_containers_ends();
    auto taken = attendant->take({.state = container.state,
                                  .directory = container.dir.fd(),
                                  .init = container.init.get(),
                                  .terminal = container.terminal.get(),
                                  .notify_socket = std::move(container.notify_socket),
                                  .network_namespace = std::move(container.network_namespace)});
    if (!taken.ok()) {
        kill_and_reap(container.init);
        container.dir.unlock();
        (void)lock_and_destroy(global, container.dir);
        return std::move(taken).error();
    }
    URC_TRY_VOID(release(global, container));
    return attend(global, foreground, container, options.keep, attendant.get());
}

}  // namespace

Result<int> run(const Global& global, const CreateOptions& options) {
    const bool is_attended = monitor::Attendant::is_wanted(options);
    if (options.detach && is_attended) return monitor::launch_monitored(global, options, StartedBy::channel);
    URC_TRY(std::optional<Foreground> foreground, enter_foreground(global, options));
    if (is_attended) return run_attended(global, options, *foreground);
    URC_TRY(monitor::Pipes pipes, monitor::Pipes::make(options, false));
    URC_TRY(Launched container, launch(global, options, StartedBy::channel, {}, pipes.attendance(0, false)));
    pipes.close_containers_ends();
    URC_TRY_VOID(release(global, container));
    return foreground ? attend(global, *foreground, container, options.keep) : 0;
}

}  // namespace urc
