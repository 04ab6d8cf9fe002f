// Which kernel parameters a container may set, and which file below /proc/sys each of them is.
//
// Only parameters that belong to one of the container's own namespaces pass: all others are the host's. Keys
// come in both spellings of sysctl(8): where the first separator is a dot, dots separate and a slash stands
// for a dot inside a name (net.ipv4.conf.eth0/1.forwarding); where it is a slash, slashes separate. Letters
// that other tools take for separators ('+' and '=', CVE-2022-0811) are refused in keys and values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::spec {

// "net.ipv4.ip_forward" -> "net/ipv4/ip_forward", relative to /proc/sys. nullopt for keys that could name
// anything else: empty parts, "..", blanks and other letters that no parameter has.
std::optional<std::string> sysctl_file(std::string_view key);

// Refuses what is not the container's own; the message starts with linux.sysctl["KEY"].
Result<void> check_sysctl(const Spec& spec);

}  // namespace urc::spec
