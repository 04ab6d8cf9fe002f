#include "core/process/limits.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <string>

#include "uring/file.h"

namespace urc::process {

Result<void> raise_hard_limits(pid_t pid, const std::vector<spec::Rlimit>& rlimits) {
    for (const spec::Rlimit& limit : rlimits) {
        rlimit current;
        auto resource = static_cast<__rlimit_resource>(limit.resource);
        if (::prlimit(pid, resource, nullptr, &current) < 0 || current.rlim_max >= limit.hard) continue;
        rlimit raised{current.rlim_cur, limit.hard};
        if (::prlimit(pid, resource, &raised, nullptr) < 0) return Error::last("prlimit", "process.rlimits");
    }
    return {};
}

namespace {
constinit std::optional<rlimit> inherited;
}  // namespace

void raise_descriptor_limit() {
    rlimit now;
    if (inherited || ::getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur >= now.rlim_max) return;
    const rlimit raised{now.rlim_max, now.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) inherited = now;
}

void restore_descriptor_limit() {
    if (inherited) (void)::setrlimit(RLIMIT_NOFILE, &*inherited);
}

std::optional<rlimit> inherited_descriptor_limit() {
    return inherited;
}

Result<void> set_oom_score(pid_t pid, int score, bool is_rootless) {
    std::string path = "/proc/" + std::to_string(pid) + "/oom_score_adj";
    auto written = write_control_at(AT_FDCWD, path.c_str(), std::to_string(score));
    if (!written.ok() && !(is_rootless && written.error().code() == EACCES)) return written;
    return {};
}

}  // namespace urc::process
