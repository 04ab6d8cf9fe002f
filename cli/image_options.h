// The options that `checkpoint` and `restore` share.
#pragma once

#include "cli/command.h"

namespace urc::cli {

void declare_image_options(OptionSet& options, ImageOptions& image);

}  // namespace urc::cli
