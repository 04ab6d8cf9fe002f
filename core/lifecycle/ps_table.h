// The table of ps(1), cut down to one container.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "uring/result.h"

namespace urc {

// The header of `table` and the rows whose word below "PID" is in `pids` (sorted). An Error when the header
// has no such word: the caller asked ps for other columns.
Result<std::string> filter_ps_table(std::string_view table, const std::vector<pid_t>& pids);

}  // namespace urc
