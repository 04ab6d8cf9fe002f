// The other way round of parse_resources(): limits as the JSON of `linux.resources`, for state.json.
#pragma once

#include "core/json_writer.h"
#include "core/spec/spec.h"

namespace urc {

// One object with the fields that are set. Device rules are left out: they stay as they were when the
// container was made, and are the longest part.
void write_resources(JsonWriter& json, const spec::Resources& resources);

}  // namespace urc
