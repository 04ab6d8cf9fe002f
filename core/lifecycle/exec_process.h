// The process that exec runs: what the container's configuration says, changed by the command line; or the
// document of --process as it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "core/runtime.h"
#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc {

// "UID" or "UID:GID", the whole text or nothing: something that is no number must never end up as root
// (CVE-2026-30892). Without a GID the group stays. 4294967295 is nobody's id.
Result<void> set_user(spec::User& user, std::string_view text);

// exec --cap: into the bounding, effective and permitted sets; ambient only where it is inheritable, and
// never inheritable itself: a program file could pick it up from there (CVE-2022-29162). Gives the unknown
// names.
std::vector<std::string> add_capabilities(spec::Process& process, const std::vector<std::string>& names);

// Valid; labels that this host cannot give are refused. Warnings go to the log.
Result<spec::Process> make_exec_process(const spec::Spec& config, const ExecOptions& options, const Log& log);

}  // namespace urc
