// urc events ID: a line of JSON an event, in runc's words.
#include "cli/command.h"
#include "cli/print.h"
#include "cli/values.h"

namespace urc::cli {

int events_command(Session& session) {
    EventsOptions events_options;
    std::string interval = "5s";
    OptionSet options;
    options.flag("stats", 0, events_options.once, "print the statistics once and end");
    options.text("interval", 0, interval,
                 "time between two statistics, such as 100ms or 1m30s (default: 5s)");
    if (auto status = session.begin(options)) return *status;
    auto duration = parse_duration(interval);
    if (!duration)
        return session.fail(wrong_value("interval", interval, "a duration such as 100ms, 1s or 1m30s"));
    events_options.interval = *duration;
    const std::string& id = session.argument(0);
    auto sink = [&](const ContainerStats* stats) -> Result<void> {
        if (session.answer(event_json(id, stats)) == 0) return {};
        return Error(EPIPE, "write", "stdout");
    };
    auto result = events(session.global(), id, events_options, sink);
    if (!result && result.error().code() == EPIPE) return 1;  // answer() has said it
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
