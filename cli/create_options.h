// The options that `create` and `run` share.
#pragma once

#include "cli/command.h"

namespace urc::cli {

void declare_create_options(OptionSet& options, CreateOptions& create, PassedOptions& passed);

}  // namespace urc::cli
