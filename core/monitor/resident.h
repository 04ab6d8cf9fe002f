// The monitor's own side (monitor.h draws both): from the clone to its end.
#pragma once

#include <optional>

#include "core/lifecycle/launch.h"
#include "core/monitor/handover.h"
#include "core/monitor/pipes.h"
#include "core/runtime.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::monitor {

class Resident {
public:
    // `report`: the way to the urc that cloned it.
    Resident(const Global& global, const CreateOptions& options, StartedBy started_by, Fd report)
        : global_(global), options_(options), started_by_(started_by), report_(std::move(report)) {}

    // Never returns. `has_manager`: urc launches the container and hands it over.
    [[noreturn]] void be_monitor(Pipes pipes, bool has_manager);

private:
    Result<void> attend(Pipes& pipes, bool has_manager);
    Result<void> launch_container(Pipes& pipes);
    Result<void> await_container();
    Result<void> leave_caller() const;

    const Global& global_;
    const CreateOptions& options_;
    StartedBy started_by_;
    Fd report_;
    std::optional<Launched> launched_;  // as the parent; unlocked
    Handover container_;
    State state_;
};

}  // namespace urc::monitor
