// Fd: the owner of one descriptor. Every descriptor is born close-on-exec (O_CLOEXEC and its like); `get`
// lends, `release` gives away, the destructor closes. A raw `int fd` parameter elsewhere always means
// "borrowed".
#pragma once

#include <unistd.h>

#include <utility>

namespace urc {

class [[nodiscard]] Fd {
public:
    Fd() noexcept = default;
    // Takes over `fd`; a negative number means "none".
    explicit Fd(int fd) noexcept : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~Fd() { reset(); }

    int get() const noexcept { return fd_; }
    bool is_open() const noexcept { return fd_ >= 0; }
    explicit operator bool() const noexcept { return is_open(); }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    // close(2) frees the number even when it reports EINTR or EIO, so the result says nothing that helps
    // here.
    void reset() noexcept {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

private:
    int fd_ = -1;
};

// A process, named so that its number cannot be reused under us (pidfd_open(2), CLONE_PIDFD).
using Pidfd = Fd;

}  // namespace urc
