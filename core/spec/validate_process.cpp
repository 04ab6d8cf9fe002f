// The refusals about `process`.
#include <sched.h>

#include "core/number_list.h"
#include "core/spec/names.h"
#include "core/spec/validate_parts.h"

namespace urc::spec {
namespace {

constexpr std::uint32_t kPolicyFifo = SCHED_FIFO;
constexpr std::uint32_t kPolicyRoundRobin = SCHED_RR;
constexpr std::uint32_t kPolicyIso = 4;       // reserved in the kernel for something that never came
constexpr std::uint32_t kPolicyDeadline = 6;  // not in glibc's sched.h

constexpr uid_t kNoId = static_cast<uid_t>(-1);  // setuid(-1) means "leave it", which was root so far

Result<void> check_user(const User& user, std::string_view base) {
    if (user.uid == kNoId) return refusal({base, "user.uid: 4294967295 is no user id"});
    if (user.gid == kNoId) return refusal({base, "user.gid: 4294967295 is no group id"});
    if (user.umask && *user.umask > 0777) return refusal({base, "user.umask: more than 0777 (octal)"});
    for (std::size_t i = 0; i < user.additional_gids.size(); ++i)
        if (user.additional_gids[i] == kNoId)
            return refusal({base, indexed("user.additionalGids", i), ": 4294967295 is no group id"});
    return {};
}

Result<void> check_rlimits(const std::vector<Rlimit>& rlimits, std::string_view base) {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < rlimits.size(); ++i) {
        const Rlimit& limit = rlimits[i];
        std::uint64_t bit = std::uint64_t{1} << (limit.resource & 63);
        if (seen & bit)
            return refusal({base, indexed("rlimits", i), ": a second ", rlimit_name(limit.resource)});
        if (limit.soft > limit.hard)
            return refusal({base, indexed("rlimits", i), ": the soft rlimit is above the hard one"});
        seen |= bit;
    }
    return {};
}

Result<void> check_deadline(const Scheduler& scheduler, std::string_view base) {
    if (scheduler.runtime == 0 || scheduler.deadline < scheduler.runtime ||
        (scheduler.period != 0 && scheduler.period < scheduler.deadline))
        return refusal({base, "scheduler: SCHED_DEADLINE needs 0 < runtime <= deadline <= period"});
    return {};
}

Result<void> check_scheduler(const Scheduler& scheduler, std::string_view base) {
    bool is_realtime = scheduler.policy == kPolicyFifo || scheduler.policy == kPolicyRoundRobin;
    if (scheduler.policy == kPolicyIso)
        return refusal({base, "scheduler.policy: the kernel has no SCHED_ISO"});
    if (scheduler.nice < -20 || scheduler.nice > 19)
        return refusal(
            {base, "scheduler.nice: ", std::to_string(scheduler.nice), " is not within -20 and 19"});
    if (!is_realtime && scheduler.priority != 0)
        return refusal({base, "scheduler.priority: only for SCHED_FIFO and SCHED_RR"});
    if (is_realtime && (scheduler.priority < 1 || scheduler.priority > 99))
        return refusal({base, "scheduler.priority: not within 1 and 99"});
    if (scheduler.policy == kPolicyDeadline) return check_deadline(scheduler, base);
    if (scheduler.runtime != 0 || scheduler.deadline != 0 || scheduler.period != 0)
        return refusal({base, "scheduler: runtime, deadline and period are only for SCHED_DEADLINE"});
    return {};
}

bool is_cpu_list(std::string_view list) {
    constexpr std::size_t kCpusMax = 8192;  // NR_CPUS of the largest kernels
    return parse_number_list(list, kCpusMax).has_value();
}

Result<void> check_affinity(const ExecCpuAffinity& affinity, std::string_view base) {
    if (!affinity.initial.empty() && !is_cpu_list(affinity.initial))
        return refusal(
            {base, "execCPUAffinity.initial: not a list of processors: ", in_quotes(affinity.initial)});
    if (!affinity.final.empty() && !is_cpu_list(affinity.final))
        return refusal(
            {base, "execCPUAffinity.final: not a list of processors: ", in_quotes(affinity.final)});
    return {};
}

}  // namespace

Result<void> check_env(const std::vector<std::string>& env, std::string_view path) {
    for (std::size_t i = 0; i < env.size(); ++i) {
        std::size_t equals = env[i].find('=');
        if (equals == std::string::npos)
            return refusal({indexed(path, i), ": no '=' in the environment variable ", in_quotes(env[i])});
        if (equals == 0) return refusal({indexed(path, i), ": environment variable without a name"});
        if (env[i].find('\0') != std::string::npos)
            return refusal({indexed(path, i), ": environment variable with a NUL character"});
    }
    return {};
}

Result<void> check_process(const Process& process, std::string_view base) {
    if (process.args.empty()) return refusal({base, "args: args must not be empty"});
    if (!is_absolute(process.cwd))
        return refusal({base, "cwd: must be an absolute path, not ", in_quotes(process.cwd)});
    URC_TRY_VOID(check_env(process.env, concat({base, "env"})));
    URC_TRY_VOID(check_user(process.user, base));
    URC_TRY_VOID(check_rlimits(process.rlimits, base));
    if (process.oom_score_adj && (*process.oom_score_adj < -1000 || *process.oom_score_adj > 1000))
        return refusal(
            {base, "oomScoreAdj: ", std::to_string(*process.oom_score_adj), " is not within -1000 and 1000"});
    if (process.scheduler) URC_TRY_VOID(check_scheduler(*process.scheduler, base));
    if (process.io_priority && (process.io_priority->priority < 0 || process.io_priority->priority > 7))
        return refusal({base, "ioPriority.priority: not within 0 and 7"});
    if (process.exec_cpu_affinity) URC_TRY_VOID(check_affinity(*process.exec_cpu_affinity, base));
    return {};
}

}  // namespace urc::spec
