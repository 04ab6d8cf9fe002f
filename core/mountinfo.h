// The lines of /proc/PID/mountinfo (proc(5)):
//   31 23 0:28 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
#pragma once

#include <string_view>

namespace urc {

// Points into the text; paths are still escaped (unescape_octal() of cgroup/path.h).
struct MountLine {
    std::string_view root, point, type, super_options;
};

// Takes the first line off `mountinfo`. All is empty in one that cannot be understood.
MountLine take_mount_line(std::string_view& mountinfo);

// Takes the text up to `separator` off the front, and the separator.
std::string_view take_until(std::string_view& text, char separator);

}  // namespace urc
