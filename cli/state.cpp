// urc state: JSON on stdout and nothing on stderr, since go-runc reads both as one document.
#include "cli/command.h"
#include "cli/print.h"

namespace urc::cli {

int state_command(Session& session) {
    OptionSet options;
    if (auto status = session.begin(options)) return *status;
    auto view = state(session.global(), session.argument(0));
    if (!view) return session.fail(view.error());
    return session.answer(state_json(*view));
}

}  // namespace urc::cli
