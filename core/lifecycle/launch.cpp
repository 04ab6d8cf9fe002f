#include "core/lifecycle/launcher.h"

#include <string_view>

#include "core/child/last_page.h"
#include "core/hooks/hook.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/seccomp_agent.h"
#include "core/process/sealed_copy.h"

namespace urc {

namespace {

struct Step {
    std::string_view name;
    Result<void> (Launcher::*act)();
};

constexpr Step kSteps[] = {
    {"configuration", &Launcher::read_configuration},
    {"state directory", &Launcher::reserve_state},
    {"notify socket", &Launcher::make_notify_socket},
    {"open namespaces", &Launcher::open_namespaces},
    {"find cgroup", &Launcher::find_cgroup},
    {"plan mounts", &Launcher::plan_mounts},
    {"prepare seccomp", &Launcher::prepare_seccomp},
    {"make resctrl group", &Launcher::make_rdt_group},
    {"announce", &Launcher::announce},
    {"make cgroup", &Launcher::make_cgroup},
    {"spawn", &Launcher::spawn},
    // From here on the child is at work on the other processor.
    {"limit cgroup", &Launcher::limit_cgroup},
    {"join resctrl group", &Launcher::join_rdt_group},
    {"map ids", &Launcher::map_ids},
    {"network devices", &Launcher::move_network_devices},
    {"open network namespace", &Launcher::open_network_namespace},
    {"limit process", &Launcher::limit_process},
    {"save state", &Launcher::save_state},
    {"runtime hooks", &Launcher::run_runtime_hooks},
    {"await ready", &Launcher::await_ready},
    {"pidfd socket", &Launcher::send_pidfd},
    {"pid file", &Launcher::write_pid_file},
    {"commit", &Launcher::commit},
};

// The out-of-memory killer leaves no message; a limit that is too small for the set-up is the usual reason.
Error with_memory_hint(Error error, std::optional<std::int64_t> limit) {
    if (error.code() != ECHILD || !limit) return error;
    return Error::message(
        error.text() + " (the memory limit of " + std::to_string(*limit) + " bytes could be too low)",
        ECHILD);
}

}  // namespace

Result<Launched> Launcher::work_off() {
    for (const Step& step : kSteps) {
        global_.log.debug("phase: ", step.name);
        Result<void> done = hook_ ? hook_(step.name) : Result<void>{};
        if (done.ok()) done = (this->*step.act)();
        if (!done.ok()) {
            Error error = std::move(done).error();
            if (init_.pidfd) error = better_error(std::move(error), channel_);
            return with_memory_hint(std::move(error), memory_limit());
        }
    }
    undo_.dismiss();
    std::optional<std::int64_t> limit = memory_limit();
    return Launched{std::move(store_),
                    std::move(*dir_),
                    std::move(state_),
                    std::move(init_.pidfd),
                    std::move(channel_),
                    std::move(console_.master),
                    std::move(notify_socket_),
                    limit,
                    std::move(network_namespace_)};
}

Result<void> guard_own_executable() {
    if (child::LastPage::is_supported() || process::is_sealed_copy()) return {};
    return process::become_sealed_copy();
}

Result<Launched> launch(const Global& global, const CreateOptions& options, StartedBy started_by,
                        const child::StepHook& hook, const Attendance& attendance) {
    return Launcher(global, options, started_by, hook, attendance).work_off();
}

Result<void> run_poststart_hooks(const State& state) {
    return hooks::run(hooks::Kind::poststart, state.hooks.poststart,
                      {state.id, state.bundle, state.annotations, state.init.pid});
}

Result<void> release(const Global& global, Launched& container) {
    // Hooks may take their time, and may look at the container, or execute something in it.
    container.dir.unlock();
    auto runs = say_go(global.log, container.channel,
                       pass_to_agent(container.state, container.state.init.pid, Status::creating));
    if (runs.ok()) runs = run_poststart_hooks(container.state);
    if (runs.ok()) return {};
    kill_and_reap(container.init);
    (void)lock_and_destroy(global, container.dir);
    return with_memory_hint(std::move(runs).error(), container.memory_limit);
}

std::vector<std::string_view> launch_step_names() {
    std::vector<std::string_view> names;
    for (const Step& step : kSteps) names.push_back(step.name);
    return names;
}

}  // namespace urc
