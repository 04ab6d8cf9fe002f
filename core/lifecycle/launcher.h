// The steps of a launch, in three files: launch.cpp has their order, launch_prepare.cpp what comes before the
// child is there and its clone, launch_beside.cpp what goes on beside it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/cgroup/cgroup.h"
#include "core/cgroup/layout.h"
#include "core/child/launch.h"
#include "core/lifecycle/await.h"
#include "core/lifecycle/launch.h"
#include "core/lifecycle/pid_file.h"
#include "core/lifecycle/undo.h"
#include "core/process/channel.h"
#include "core/process/spawn.h"
#include "core/state/store.h"
#include "core/systemd/scope.h"

namespace urc {

// All that a launch builds up, step by step. Members are in the order in which they come to be.
class Launcher {
public:
    Launcher(const Global& global, const CreateOptions& options, StartedBy started_by,
             const child::StepHook& hook, const Attendance& attendance)
        : global_(global), options_(options), started_by_(started_by), hook_(hook), attendance_(attendance) {}

    Result<Launched> work_off();

    Result<void> read_configuration();
    Result<void> reserve_state();
    Result<void> make_notify_socket();
    Result<void> open_namespaces();
    Result<void> plan_mounts();
    Result<void> prepare_seccomp();
    Result<void> find_cgroup();
    Result<void> announce();
    Result<void> make_cgroup();
    Result<void> make_rdt_group();
    Result<void> spawn();
    Result<void> map_ids();
    Result<void> move_network_devices();
    Result<void> limit_process();
    Result<void> limit_cgroup();
    Result<void> join_rdt_group();
    Result<void> open_network_namespace();
    Result<void> save_state();
    Result<void> run_runtime_hooks();
    Result<void> await_ready();
    Result<void> send_pidfd();
    Result<void> write_pid_file() { return urc::write_pid_file(options_.pid_file, init_.pid); }
    Result<void> commit();

private:
    void add_handed_over_ports();
    Result<void> check_joined_network(int network_namespace);
    void run_poststop_hooks();
    Result<process::Cloned> clone_init();
    bool needs_stage() const;
    std::optional<std::int64_t> memory_limit() const {
        const auto& memory = spec_.linux.resources.memory;
        return memory ? memory->limit : std::nullopt;
    }
    bool joins_user() const { return child_.is_in_user && !child_.has_new_user; }
    void close_parents_copies();
    [[noreturn]] void be_the_child();

    const Global& global_;
    const CreateOptions& options_;
    StartedBy started_by_;
    const child::StepHook& hook_;
    const Attendance& attendance_;

    std::string bundle_;
    std::string rootfs_path_;
    spec::Spec spec_;
    std::unique_ptr<Store> store_;
    std::optional<StateDir> dir_;
    std::optional<cgroup::Layout> layout_;
    std::optional<cgroup::Cgroup> cgroup_;
    std::optional<systemd::Scope> scope_;  // with --systemd-cgroup: who makes it
    bool is_cgroup_v1_ = false;
    bool is_staged_ = false;  // needs_stage(), asked while the namespaces to join are still known
    child::Launch child_;
    process::Channel channel_;
    process::Cloned init_;
    State state_;
    Console console_;
    Fd notify_socket_;
    Fd network_namespace_;  // where ports are to be published
    Fd pidfd_socket_;
    Undo undo_;
};

}  // namespace urc
