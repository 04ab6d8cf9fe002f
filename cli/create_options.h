// The options that `create` and `run` share.
#pragma once

#include "cli/command.h"

namespace urc::cli {

// What the manager may be told, and the ports, as they were typed.
struct AttendedOptions {
    bool allows_access = false, allows_fdstore = false;
    std::string notify_compat;
    std::vector<std::string> publish;
};

void declare_create_options(OptionSet& options, CreateOptions& create, PassedOptions& passed,
                            AttendedOptions& attended);

// Once they are parsed: the sinks, $NOTIFY_SOCKET, the ports.
Result<void> take_attended_options(const PassedOptions& passed, const AttendedOptions& attended,
                                   CreateOptions& create);

}  // namespace urc::cli
