// start: the last word to a created container.
#include <unistd.h>

#include "core/hooks/hook.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/launch.h"
#include "core/lifecycle/seccomp_agent.h"
#include "core/monitor/client.h"
#include "core/process/start_socket.h"

namespace urc {

namespace {

// Its monitor tells when the manager knows.
Result<void> await_ready(const StateDir& dir) {
    URC_TRY(Fd monitor, monitor::connect_monitor(dir));
    URC_TRY_VOID(monitor::send_packet(monitor.get(), monitor::Kind::await_ready));
    monitor::PacketBuffer buffer;
    URC_TRY(auto answer, monitor::receive_packet(monitor.get(), buffer));
    if (answer && answer->kind == monitor::Kind::done) return {};
    return Error::message("the container has ended before it was ready");
}

}  // namespace

Result<void> start(const Global& global, std::string_view id, const StartOptions& options) {
    URC_TRY(Store store, Store::open_existing(global.root));
    URC_TRY(StateDir dir, store.find(id));
    URC_TRY_VOID(dir.lock());
    URC_TRY(State state, dir.load());
    switch (compute_status(dir, state, is_frozen)) {
        case Status::created:
            break;
        case Status::stopped:
            return Error::message("cannot start a container that has stopped");
        case Status::creating:
            return Error::message("cannot start a container that is still being created");
        default:
            return Error::message("cannot start an already running container");
    }
    URC_TRY(process::Channel channel, process::connect_at(dir.fd(), kStartSocket));
    // Gone from now on, whatever comes of it: the container is not "created" any more.
    if (::unlinkat(dir.fd(), kStartSocket, 0) < 0) return Error::last("unlink", kStartSocket);
    URC_TRY_VOID(channel.send(process::Message::go));
    // From here on hooks may take their time, and may look at the container, or execute something in it.
    dir.unlock();
    auto runs = await_program(global.log, channel, pass_to_agent(state, state.init.pid, Status::creating));
    if (runs.ok()) runs = run_poststart_hooks(state);
    // A startContainer or poststart hook has refused: that is the end of the container (runtime.md). A
    // program that cannot be executed leaves a stopped one.
    if (!runs.ok() && runs.error().code() == hooks::kHookFailed) (void)lock_and_destroy(global, dir);
    const bool is_awaited = runs.ok() && options.awaits_ready && !state.notify_socket.empty();
    return is_awaited ? await_ready(dir) : runs;
}

}  // namespace urc
