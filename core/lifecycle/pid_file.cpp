#include "core/lifecycle/pid_file.h"

#include <unistd.h>

#include <cstdio>

#include "uring/file.h"

namespace urc {

Result<void> write_pid_file(const std::string& path, pid_t pid) {
    if (path.empty()) return {};
    std::size_t slash = path.rfind('/') + 1;
    std::string temporary =
        path.substr(0, slash) + "." + path.substr(slash) + "." + std::to_string(::getpid());
    URC_TRY(Fd file, open_at(AT_FDCWD, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    auto written = write_all(file.get(), std::to_string(pid), temporary);
    if (written.ok() && ::rename(temporary.c_str(), path.c_str()) < 0)
        written = Error::last("pid file", path);
    if (!written.ok()) ::unlink(temporary.c_str());
    return written;
}

}  // namespace urc
