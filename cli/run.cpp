// urc run: create and start; in the foreground the container's exit status is ours.
#include "cli/create_options.h"

namespace urc::cli {

int run_command(Session& session) {
    CreateOptions create_options;
    PassedOptions passed;
    AttendedOptions attended;
    OptionSet options;
    declare_create_options(options, create_options, passed, attended);
    options.flag("detach", 'd', create_options.detach, "return as soon as the process runs");
    options.flag("keep", 0, create_options.keep, "keep the container after its process has ended");
    if (auto status = session.begin(options, passed)) return *status;
    create_options.passed = passed.found;
    create_options.id = session.argument(0);
    if (auto taken = take_attended_options(passed, attended, create_options); !taken)
        return session.fail(taken.error());
    if (auto possible = check_cgroup_manager(session.global()); !possible)
        return session.fail(possible.error());
    auto result = run(session.global(), create_options);
    return result ? *result : session.fail(result.error());
}

}  // namespace urc::cli
