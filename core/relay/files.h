// Files: the calls that can go wrong in the middle of an output. The kernel's, unless a test has something to
// say: a short write, a full disk, no memory for a datagram.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "core/relay/time_text.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::relay {

class Files {
public:
    virtual ~Files() = default;

    virtual Result<Fd> open(const std::string& path, int flags, mode_t mode);
    // The number of bytes, or a negative errno.
    virtual ssize_t write(int fd, std::string_view bytes);
    virtual ssize_t write_at(int fd, std::string_view bytes, off_t offset);
    virtual ssize_t read_at(int fd, std::span<char> into, off_t offset);
    // Without waiting and without SIGPIPE.
    virtual ssize_t send(int socket, std::string_view packet);
    // 0 or an errno.
    virtual int rename(const std::string& from, const std::string& to);
    virtual int empty(int fd);
    virtual WallTime now();
};

}  // namespace urc::relay
