#include "core/lifecycle/pid_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "uring/file.h"

namespace urc {

Result<PidFile> PidFile::open(const std::string& path) {
    PidFile made;
    if (path.empty()) return made;
    std::size_t slash = path.rfind('/') + 1;
    std::string temporary =
        path.substr(0, slash) + "." + path.substr(slash) + "." + std::to_string(::getpid());
    auto file = open_at(AT_FDCWD, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
    if (!file) return Error(file.error().code(), "pid file", path);
    made.file_ = std::move(*file);
    made.path_ = path;
    made.temporary_ = std::move(temporary);
    return made;
}

PidFile::~PidFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> PidFile::publish(pid_t pid) {
    if (temporary_.empty()) return {};
    URC_TRY_VOID(write_all(file_.get(), std::to_string(pid), "pid file " + path_));
    if (::rename(temporary_.c_str(), path_.c_str()) < 0) return Error::last("pid file", path_);
    temporary_.clear();
    file_.reset();
    return {};
}

Result<void> write_pid_file(const std::string& path, pid_t pid) {
    URC_TRY(PidFile file, PidFile::open(path));
    return file.publish(pid);
}

}  // namespace urc
