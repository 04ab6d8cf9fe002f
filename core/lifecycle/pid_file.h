// --pid-file: the number alone, without a newline, written beside the file and renamed: whoever waits for the
// file never reads half of it.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc {

class PidFile {
public:
    // Opens the temporary file, so that a path that cannot be written is told before anything runs. It goes
    // away with this object unless it was published. An empty path: no file is asked for, nothing is done.
    static Result<PidFile> open(const std::string& path);

    PidFile(PidFile&& other) noexcept
        : path_(std::move(other.path_)),
          temporary_(std::exchange(other.temporary_, {})),
          file_(std::move(other.file_)) {}
    PidFile& operator=(PidFile&&) = delete;
    ~PidFile();

    Result<void> publish(pid_t pid);

private:
    PidFile() = default;
    std::string path_, temporary_;  // temporary_ is empty when there is none (any more)
    Fd file_;
};

// Both at once. After an Error no file is left that was not there before.
Result<void> write_pid_file(const std::string& path, pid_t pid);

}  // namespace urc
