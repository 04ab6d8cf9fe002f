// The new mount API as urc uses it: by descriptor, everything close-on-exec, attributes before attachment.
//
// `step` is what the Error begins with: "mount proc on /proc". fsopen(2), fsmount(2), open_tree(2),
// move_mount(2), mount_setattr(2).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/child/mount_options.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::child {

// Whether what open_tree(2) gave may have mounts below it.
enum class Tree : std::uint8_t { single, recursive };

// mount_setattr(2) on the mount that `fd` is the root of; `flags` may have AT_RECURSIVE. errno as usual.
int set_mount(int fd, unsigned flags, const AttributeChange& change, std::uint64_t propagation = 0);

// All that the options say about attributes and propagation. In a user namespace flags that are locked stay.
Result<void> apply_options(int mount, Tree tree, const MountOptions& options, bool is_userns,
                           std::string_view step);

// Moves the detached `mount` onto what `target` refers to.
Result<void> attach(int mount, int target, std::string_view step);

// A detached mount of a new instance of `type`.
Result<Fd> make_filesystem(const char* type, const char* source, const std::vector<FsParameter>& parameters,
                           std::uint64_t attributes, std::string_view step);

// The same by mount(2), for parameters that are longer than fsconfig(2) takes, like the lowerdir of an
// overlay of many layers. `target` is only borrowed: a scratch tmpfs is mounted on it for a moment.
bool is_too_long_for_fsconfig(const std::vector<FsParameter>& parameters);
Result<Fd> make_filesystem_from_text(const char* type, const char* source,
                                     const std::vector<FsParameter>& parameters, std::uint64_t attributes,
                                     int target, std::string_view step);

// A detached copy of what is at `path` on the host.
Result<Fd> clone_tree(const char* path, Tree tree, std::string_view step);

// A detached copy of the mount that `fd` refers to, which must be attached in this mount namespace.
Result<Fd> clone_tree(int fd, Tree tree, std::string_view step);

}  // namespace urc::child
