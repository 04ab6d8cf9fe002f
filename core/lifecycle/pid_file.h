// --pid-file: the number alone, written beside the file and renamed: whoever waits for the file never reads
// half of it.
#pragma once

#include <sys/types.h>

#include <string>

#include "uring/result.h"

namespace urc {

// Nothing happens when `path` is empty. After an Error no file is left that was not there before.
Result<void> write_pid_file(const std::string& path, pid_t pid);

}  // namespace urc
