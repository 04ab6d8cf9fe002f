// A stream socket that is listened on below a directory, for its owner alone.
#pragma once

#include <sys/types.h>

#include <string>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::ports::rootlesskit {

class UnixListener {
public:
    // Mode 0600 from the first moment. A socket that nobody answers at any more makes room; EADDRINUSE when
    // somebody does, EEXIST when it is something else.
    static Result<UnixListener> open(const std::string& path);

    UnixListener(UnixListener&&) noexcept = default;
    UnixListener& operator=(UnixListener&&) = delete;
    // Takes the name away, unless it has become another's.
    ~UnixListener();

    int get() const noexcept { return socket_.get(); }
    int directory() const noexcept { return directory_.get(); }

private:
    UnixListener(Fd directory, std::string name) : directory_(std::move(directory)), name_(std::move(name)) {}
    Result<void> bind();

    Fd directory_;
    std::string name_;
    Fd socket_;
    ino_t inode_ = 0;
};

// A path in two: what is in front of the last slash (`.` where there is none) and what is behind it.
struct PathParts {
    std::string directory, name;
};
PathParts split_path(const std::string& path);

// Connects to the socket `name` in a directory without waiting: EAGAIN when its backlog is full.
Result<Fd> connect_below(int directory, const std::string& name);

}  // namespace urc::ports::rootlesskit
