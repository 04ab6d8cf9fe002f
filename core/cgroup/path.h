// Paths of cgroups as text. Nothing here asks the kernel: cgroup file systems have no symbolic links, so a
// path without ".." cannot lead out.
#pragma once

#include <string>
#include <string_view>

namespace urc::cgroup {

// "/a/b" from anything: one slash between names, no ".", and ".." goes up but never above "/".
std::string clean_path(std::string_view path);

// Everything before the last slash of a clean absolute path; "/" has no parent but itself.
std::string_view parent_path(std::string_view path);

// Undoes mountinfo's octal escapes (\040 for a blank).
std::string unescape_octal(std::string_view text);

}  // namespace urc::cgroup
