// Statistics in the JSON of runc's `events`, which go-runc and others read: its names, its order, and its
// habit of leaving out most of what is zero.
#pragma once

#include "core/cgroup/stats.h"
#include "core/json_writer.h"

namespace urc::cgroup {

// The members "cpu" to "hugetlb", into the object that is open.
void write_stats(JsonWriter& json, const Stats& stats);

}  // namespace urc::cgroup
