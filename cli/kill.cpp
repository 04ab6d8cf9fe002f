// urc kill ID [SIGNAL]. -a is runc's of old; podman and go-runc still pass it.
#include "cli/command.h"
#include "core/signals.h"

namespace urc::cli {

int kill_command(Session& session) {
    KillOptions kill_options;
    OptionSet options;
    options.flag("all", 'a', kill_options.all, "send the signal to every process of the container");
    options.flag("regex", 'r', kill_options.is_regex,
                 "the ID is a regular expression; all that match are meant");
    if (auto status = session.begin(options)) return *status;
    if (session.arguments() > 1) {
        auto signal = parse_signal(session.argument(1));
        if (!signal) return session.fail(Error::message("unknown signal \"" + session.argument(1) + "\""));
        kill_options.signal = *signal;
    }
    auto result = kill(session.global(), session.argument(0), kill_options);
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
