// plot: results as a picture (SVG 1.1), a panel for each report, one below the other.
//
//   latencies          how many of the starts took no longer than so long, a line a row
//   throughput         per second over how many were in flight, a line a row
//   other figures      a bar for each row: the median of the first figure, and all rounds as a thin line
#pragma once

#include <string>
#include <vector>

#include "bench/report.h"

namespace urc::bench {

std::string to_svg(const std::vector<Report>& reports);

}  // namespace urc::bench
