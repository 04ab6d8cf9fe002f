#include "core/lifecycle/exec_process.h"

#include "core/child/labels.h"
#include "core/number.h"
#include "core/spec/names.h"
#include "core/spec/parse.h"
#include "core/spec/text.h"
#include "core/spec/validate.h"
#include "core/spec/validate_parts.h"

namespace urc {

namespace {

constexpr std::uint32_t kIdMax = 0xffff'fffe;  // (uid_t)-1 means "leave it as it is" to setresuid(2)

Error wrong_user(std::string_view text) {
    return Error::message("--user: must be UID or UID:GID, not " + spec::in_quotes(text));
}

Result<void> add_groups(spec::User& user, const std::vector<unsigned>& gids) {
    for (unsigned gid : gids) {
        if (gid > kIdMax)
            return Error::message("--additional-gids: " + std::to_string(gid) + " is no group id");
        user.additional_gids.push_back(gid);
    }
    return {};
}

// What validate_process() would call by the names of a document.
Result<void> check_options(const ExecOptions& options) {
    if (options.args.empty()) return Error::message("args must not be empty");
    if (!options.cwd.empty() && !spec::is_absolute(options.cwd))
        return Error::message("--cwd: must be an absolute path, not " + spec::in_quotes(options.cwd));
    return spec::check_env(options.env, "--env");
}

// The container's own labels were there when it was made.
std::string_view origin_of_labels(const ExecOptions& options, std::string_view document) {
    if (options.process_document) return document;
    if (!options.apparmor.empty()) return "--apparmor";
    return options.process_label.empty() ? document : "--process-label";
}

// What a document of --process leaves out, it has from the container: its confinement first of all.
void inherit(spec::Process& process, const spec::Process& container) {
    if (!process.capabilities) process.capabilities = container.capabilities;
    if (process.apparmor_profile.empty()) process.apparmor_profile = container.apparmor_profile;
    if (process.selinux_label.empty()) process.selinux_label = container.selinux_label;
    if (process.rlimits.empty()) process.rlimits = container.rlimits;
    if (!process.oom_score_adj) process.oom_score_adj = container.oom_score_adj;
    if (!process.scheduler) process.scheduler = container.scheduler;
    if (!process.io_priority) process.io_priority = container.io_priority;
    if (!process.exec_cpu_affinity) process.exec_cpu_affinity = container.exec_cpu_affinity;
    if (!process.user.umask) process.user.umask = container.user.umask;
}

Result<spec::Process> change(spec::Process process, const ExecOptions& options, const Log& log) {
    URC_TRY_VOID(check_options(options));
    process.args = options.args;
    process.terminal = options.tty;
    if (!options.cwd.empty()) process.cwd = options.cwd;
    if (!options.apparmor.empty()) process.apparmor_profile = options.apparmor;
    if (!options.process_label.empty()) process.selinux_label = options.process_label;
    if (options.no_new_privs) process.no_new_privileges = *options.no_new_privs;
    process.env.insert(process.env.end(), options.env.begin(), options.env.end());
    if (options.user) URC_TRY_VOID(set_user(process.user, *options.user));
    URC_TRY_VOID(add_groups(process.user, options.additional_gids));
    for (const std::string& name : add_capabilities(process, options.caps))
        log.warning("--cap: unknown capability ", spec::in_quotes(name), " is passed over");
    return process;
}

}  // namespace

Result<void> set_user(spec::User& user, std::string_view text) {
    std::size_t colon = text.find(':');
    auto uid = parse_number<std::uint32_t>(text.substr(0, colon), kIdMax);
    if (!uid) return wrong_user(text);
    if (colon != std::string_view::npos) {
        auto gid = parse_number<std::uint32_t>(text.substr(colon + 1), kIdMax);
        if (!gid) return wrong_user(text);
        user.gid = *gid;
    }
    user.uid = *uid;
    return {};
}

std::vector<std::string> add_capabilities(spec::Process& process, const std::vector<std::string>& names) {
    std::vector<std::string> unknown;
    if (names.empty()) return unknown;
    if (!process.capabilities) process.capabilities.emplace();
    spec::Capabilities& sets = *process.capabilities;
    for (const std::string& name : names) {
        auto number = spec::capability_number(name);
        if (!number) {
            unknown.push_back(name);
            continue;
        }
        std::uint64_t bit = std::uint64_t{1} << *number;
        sets.bounding |= bit;
        sets.effective |= bit;
        sets.permitted |= bit;
        sets.ambient |= sets.inheritable & bit;
    }
    return unknown;
}

Result<spec::Process> make_exec_process(const spec::Spec& config, const ExecOptions& options,
                                        const Log& log) {
    spec::Process process;
    std::string_view document = "config.json: process";
    if (options.process_document) {
        document = "process.json";
        URC_TRY(process, parse_process(*options.process_document));
        if (config.process) inherit(process, *config.process);
    } else if (!config.process) {
        return Error::message("config.json: process: is missing");
    } else {
        URC_TRY(process, change(*config.process, options, log));
    }
    URC_TRY_VOID(validate_process(process, document));
    auto has_modules = child::check_labels(process);
    if (!has_modules.ok()) return std::move(has_modules).error().context(origin_of_labels(options, document));
    return process;
}

}  // namespace urc
