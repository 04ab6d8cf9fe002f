// The monitor's own side (monitor.h draws both): from the clone to its end.
#pragma once

#include <optional>

#include "core/lifecycle/launch.h"
#include "core/monitor/handover.h"
#include "core/monitor/pipes.h"
#include "core/runtime.h"
#include "uring/fd.h"
#include "uring/loop.h"
#include "uring/ops_process.h"
#include "uring/result.h"

namespace urc::monitor {

class Attendant;

class Resident {
public:
    // `report`: the way to the urc that cloned it.
    Resident(const Global& global, const CreateOptions& options, StartedBy started_by, Fd report)
        : global_(global), options_(options), started_by_(started_by), report_(std::move(report)) {}

    // How it comes to its container.
    enum class Way : std::uint8_t {
        launches,  // by itself
        receives,  // from urc, which launches it
        joins,     // one that is there already: join() has said which
    };

    // Before be_monitor() with Way::joins. The directory is ROOT/ID.
    void join(State state, Pidfd init, Fd directory);

    // Never returns.
    [[noreturn]] void be_monitor(Pipes pipes, Way way);

private:
    Result<void> attend(Pipes& pipes, Way way);
    Result<void> come_to_container(Pipes& pipes, Way way);
    Result<void> launch_container(Pipes& pipes);
    Result<void> await_container();
    Result<void> leave_caller() const;
    Task<void> watch(Loop& loop, const SignalFd& signals, Attendant& attendant, Way way);
    Result<void> report_done(Attendant& attendant, Way way);

    const Global& global_;
    const CreateOptions& options_;
    StartedBy started_by_;
    Fd report_;
    std::optional<Launched> launched_;  // as the parent; unlocked
    Handover container_;
    State state_;
};

}  // namespace urc::monitor
