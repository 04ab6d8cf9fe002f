// urc-bench verbs: what each call of a container's life takes, from the launch of the runtime to its end.
//
//   create  start  [the program ends]  delete       a container of /bin/busybox true; `life` is the sum of
//   the three exec                                            of the stamp program in a container that stays;
//   its first column
//                                                   is the time to the program's first instruction
//
// One container of every runtime in each round, in random order.
#pragma once

#include <vector>

#include "bench/report.h"
#include "bench/start.h"
#include "uring/result.h"

namespace urc::bench {

// The fields of `options` that do not concern this (floor, in_flight, block) are not looked at. One report a
// verb, in the order above. The base of the ratios is the first runtime.
Result<std::vector<Report>> run_verbs(const StartOptions& options);

}  // namespace urc::bench
