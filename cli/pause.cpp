// urc pause ID, urc resume ID.
#include "cli/command.h"

namespace urc::cli {

int pause_command(Session& session) {
    OptionSet options;
    if (auto status = session.begin(options)) return *status;
    auto result = pause(session.global(), session.argument(0));
    return result ? 0 : session.fail(result.error());
}

int resume_command(Session& session) {
    OptionSet options;
    if (auto status = session.begin(options)) return *status;
    auto result = resume(session.global(), session.argument(0));
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
