// What is well formed and still cannot be, or must not be: the refusals that need no look at the kernel.
//
// Messages are one line with the path of the culprit, as parse.h gives them:
//
//   config.json: process.args: args must not be empty
//
// What only the machine can answer (does the path exist, may this user map those ids) is asked where it is
// done. What urc cannot do is refused, never ignored.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc {

struct ValidateOptions {
    bool is_rootless = false;  // the caller is not root in the initial user namespace
};

Result<void> validate(const spec::Spec& spec, const ValidateOptions& options);
Result<void> validate(const spec::Spec& spec);

// The parts that come alone: the process of exec (`document` is its name in messages), the document of
// update.
Result<void> validate_process(const spec::Process& process, std::string_view document = "process.json");
Result<void> validate_resources(const spec::Resources& resources);

// What came from an option of the command line is called by that option in messages.
struct FieldName {
    std::string_view field;  // "memory.swap"
    std::string_view name;   // "--memory-swap"
};
Result<void> validate_resources(const spec::Resources& resources, std::span<const FieldName> names);

// What is odd but was always let through; one line each, for the log.
std::vector<std::string> warnings(const spec::Spec& spec);

}  // namespace urc
