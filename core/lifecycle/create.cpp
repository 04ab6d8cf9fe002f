// create: everything but the last word, which `start` says later.
#include "core/lifecycle/launch.h"
#include "core/monitor/attendant.h"
#include "core/monitor/monitor.h"

namespace urc {

Result<void> create(const Global& global, const CreateOptions& options) {
    if (monitor::Attendant::is_wanted(options)) {
        auto monitored = monitor::launch_monitored(global, options, StartedBy::socket);
        return monitored.ok() ? Result<void>{} : std::move(monitored).error();
    }
    URC_TRY(const monitor::Pipes pipes, monitor::Pipes::make(options, true));
    auto launched = launch(global, options, StartedBy::socket, {}, pipes.attendance(0, false));
    if (!launched.ok()) return std::move(launched).error();
    return {};
}

}  // namespace urc
