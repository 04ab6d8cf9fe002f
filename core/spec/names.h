// The words that config.json uses for numbers of the kernel: capabilities, resource limits, namespaces,
// scheduling. Shared by the parser, by `exec --cap`, by `features` and by messages.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/spec/spec.h"

namespace urc::spec {

// "CAP_KILL" -> 5. Upper case and with its prefix, as the specification writes them.
std::optional<int> capability_number(std::string_view name);
// 5 -> "CAP_KILL"; empty for numbers that have no name yet.
std::string_view capability_name(int number);
// How many capabilities have a name here: numbers 0 .. count - 1.
int capability_count();

std::optional<int> rlimit_number(std::string_view name);  // "RLIMIT_NOFILE" -> RLIMIT_NOFILE
std::string_view rlimit_name(int resource);

std::optional<NamespaceType> namespace_type(std::string_view name);  // "network"
std::string_view namespace_name(NamespaceType type);

std::optional<Propagation> propagation(std::string_view name);  // "rslave"; "" is unset

std::optional<std::uint32_t> scheduler_policy(std::string_view name);    // "SCHED_FIFO" -> SCHED_FIFO
std::optional<std::uint64_t> scheduler_flag(std::string_view name);      // "SCHED_FLAG_RECLAIM"
std::optional<int> io_priority_class(std::string_view name);             // "IOPRIO_CLASS_BE" -> 2
std::optional<std::uint32_t> personality_domain(std::string_view name);  // "LINUX32" -> PER_LINUX32

std::optional<unsigned> memory_policy_mode(std::string_view name);  // "MPOL_BIND" -> MPOL_BIND
std::optional<unsigned> memory_policy_flag(std::string_view name);  // "MPOL_F_STATIC_NODES"

// All the words of a kind, in a fixed order: what `features` prints.
std::vector<std::string_view> hook_names();  // parse.cpp
std::vector<std::string_view> namespace_names();
std::vector<std::string_view> memory_policy_mode_names();
std::vector<std::string_view> memory_policy_flag_names();

}  // namespace urc::spec
