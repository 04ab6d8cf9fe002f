// urc start: lets the init of a created container go on.
#include "cli/command.h"

namespace urc::cli {

int start_command(Session& session) {
    OptionSet options;
    if (auto status = session.begin(options)) return *status;
    auto result =
        start(session.global(), session.argument(0), {.awaits_ready = !find_manager().socket.empty()});
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
