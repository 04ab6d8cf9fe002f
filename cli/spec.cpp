// urc spec: an example config.json.
#include "cli/command.h"

namespace urc::cli {

int spec_command(Session& session) {
    SpecOptions spec_options;
    OptionSet options;
    options.text("bundle", 'b', spec_options.bundle,
                 "directory to write to (default: the working directory)");
    options.flag("rootless", 0, spec_options.rootless, "for a user without privilege");
    if (auto status = session.begin(options)) return *status;
    auto result = write_example_spec(spec_options);
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
