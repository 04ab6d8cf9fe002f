// urc features: JSON on stdout and nothing on stderr; dockerd and CRI-O ask at their start.
#include "cli/command.h"

namespace urc::cli {

int features_command(Session& session) {
    OptionSet options;
    if (auto status = session.begin(options)) return *status;
    return session.answer(describe_features());
}

}  // namespace urc::cli
