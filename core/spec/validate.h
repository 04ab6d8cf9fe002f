// What is well formed and still cannot be, or must not be: the refusals that need no look at the kernel.
//
// Messages are one line with the path of the culprit, as parse.h gives them:
//
//   config.json: process.args: args must not be empty
//
// What only the machine can answer (does the path exist, may this user map those ids) is asked where it is
// done. What urc does not act on yet is refused by refuse_unimplemented, never ignored.
#pragma once

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

// Fields that the launch path does not act on yet, refused by name.
Result<void> refuse_unimplemented(const spec::Spec& spec);
// Whether nothing refuses `field` ("hooks.prestart", "linux.intelRdt").
bool is_implemented(std::string_view field);

// What is odd but was always let through; one line each, for the log.
std::vector<std::string> warnings(const spec::Spec& spec);

}  // namespace urc
