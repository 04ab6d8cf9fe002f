// Finished programs below ROOT/.cache/seccomp, one file a profile. A hit costs one openat2, fstat, read and
// close, and a comparison.
//
// The file's name is a hash of the profile's text and of everything else that the program depends on: the
// version of urc, of libseccomp's table of names, and of this format, and the native architecture. The name
// is only where to look: the file holds the WHOLE text, and a file whose text is not byte for byte the text
// that was asked for is no hit. So nobody can make a profile that gets another one's program.
//
//   Header | text of the profile | instructions | listener path | listener metadata
//
// The checksum covers all but the text, which is compared anyway. Files that are cut off, of another version,
// of another owner, or writable by others are passed over, and replaced if that is possible. A file appears
// by rename, whole; nothing waits for the disk, since a file that a crash has torn is no hit. At most 64
// files stay, the oldest go first.
#pragma once

#include <optional>
#include <string_view>

#include "core/seccomp/seccomp.h"

namespace urc::seccomp {

inline constexpr std::size_t kCacheFilesMax = 64;

// "3f2a..." (16 digits), the name of the file for this text.
std::string cache_name(std::string_view section);

std::optional<Program> find_cached(int state_root_fd, std::string_view section);

// Tries; whoever calls has the program already.
void store_cached(int state_root_fd, std::string_view section, const Program& program);

}  // namespace urc::seccomp
