// Namespace kinds by the specification's names and the kernel's flags.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/spec/spec.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::process {

// CLONE_NEW* of a kind.
std::uint64_t clone_flag(spec::NamespaceType type);

// The name below /proc/PID/ns, "net".
std::string_view proc_name(spec::NamespaceType type);

// Opens `path` and makes sure that it is a namespace of this kind (ioctl_ns(2), NS_GET_NSTYPE).
Result<Fd> open_namespace(spec::NamespaceType type, const std::string& path);

// Whether it is the one of that kind in which we are; of what cannot be asked: not.
bool is_own_namespace(spec::NamespaceType type, int fd);

// The number of `pid` in the pid namespace in which it is (proc(5), NSpid).
Result<std::string> innermost_pid(pid_t pid);

// CLONE_NEW* of all namespaces in which `pid` is and the caller is not. ESRCH or ENOENT when it has ended.
Result<int> namespaces_to_join(pid_t pid);

}  // namespace urc::process
