// urc delete ID.
#include "cli/command.h"

namespace urc::cli {

int delete_command(Session& session) {
    DeleteOptions delete_options;
    OptionSet options;
    options.flag("force", 'f', delete_options.force, "kill the container first if it still runs");
    options.flag("regex", 'r', delete_options.is_regex,
                 "the ID is a regular expression; all that match are meant");
    if (auto status = session.begin(options)) return *status;
    auto result = remove(session.global(), session.argument(0), delete_options);
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
