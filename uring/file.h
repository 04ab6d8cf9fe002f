// Plain blocking file calls for the short verbs: EINTR and short transfers are dealt with here and nowhere
// else. The ring is for waiting and streaming; these files (config.json, cgroupfs, procfs) are faster without
// it.
#pragma once

#include <fcntl.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc {

// openat(2); O_CLOEXEC is always added. `dir` may be AT_FDCWD. The Error reads `open: PATH: ...`.
Result<Fd> open_at(int dir, const char* path, int flags, mode_t mode = 0);

// Reads to the end of `fd`. EFBIG when there are more than `size_max` bytes. `name` is for the Error only.
Result<std::string> read_all(int fd, std::size_t size_max, std::string_view name);

// open_at + read_all, for small files.
Result<std::string> read_file_at(int dir, const char* path, std::size_t size_max = 1 << 20);

// Writes all of `bytes`. `name` is for the Error only.
Result<void> write_all(int fd, std::string_view bytes, std::string_view name);

// Opens an existing file for writing and writes `bytes` with ONE write(2), as control files (cgroupfs,
// procfs) need it: a short write there is an error (EIO), never continued.
Result<void> write_control_at(int dir, const char* path, std::string_view bytes);

// mkdir -p: every missing parent gets the same mode. What exists is left as it is.
Result<void> make_directories(const std::string& path, mode_t mode);

}  // namespace urc
