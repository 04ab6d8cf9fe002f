// The names that linux.cgroupsPath stands for when systemd makes the cgroups (systemd.slice(5),
// systemd.scope(5)). Text only; nothing here asks systemd.
#pragma once

#include <string>
#include <string_view>

#include "uring/result.h"

namespace urc::systemd {

// Whose systemd: that of the machine, or of the user. The latter keeps its units in user.slice by default.
enum class Instance : std::uint8_t { system, user };

struct UnitName {
    std::string slice;  // "kubepods-besteffort.slice"; "-.slice" is the root
    std::string scope;  // "cri-containerd-ID.scope"
};

// "SLICE:PREFIX:NAME" is PREFIX-NAME.scope in SLICE. An empty path, or an empty SLICE, leaves the slice to
// the instance: system.slice, or user.slice; an empty path is the prefix "urc" and the name `id`. EINVAL for
// everything else, and for a NAME that is a slice, which cannot hold processes.
Result<UnitName> unit_name(std::string_view cgroups_path, std::string_view id, Instance instance);

// Where systemd keeps a slice below its own root: a-b-c.slice is /a.slice/a-b.slice/a-b-c.slice, -.slice is
// "".
Result<std::string> slice_path(std::string_view slice);

}  // namespace urc::systemd
