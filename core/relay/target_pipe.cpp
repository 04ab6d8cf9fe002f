// Targets that say EAGAIN: a fifo, and a descriptor that urc was given.
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <climits>

#include "core/relay/target.h"
#include "uring/file.h"

namespace urc::relay {
namespace {

ssize_t no_eintr(ssize_t result) {
    return result < 0 ? -errno : result;
}

// Opened for both directions: it can be opened while nobody reads, and readers may come and go without an
// EPIPE. What nobody reads stays in it; when it is full, the policy decides.
class FifoTarget final : public Target {
public:
    explicit FifoTarget(Fd fd) : fd_(std::move(fd)) {}

    Put put(std::string_view bytes) override {
        Put put;
        while (put.taken < bytes.size() && put.error == 0) {
            std::string_view rest = bytes.substr(put.taken);
            ssize_t count = no_eintr(::write(fd_.get(), rest.data(), rest.size()));
            if (count > 0) put.taken += static_cast<std::size_t>(count);
            if (count < 0 && count != -EINTR) put.error = static_cast<int>(-count);
        }
        return put;
    }
    int wait_fd() const override { return fd_.get(); }
    int splice_fd() const override { return fd_.get(); }

private:
    Fd fd_;
};

// How to write to a descriptor without making a call that blocks, and without making it non-blocking: that
// would change it for everybody who shares it, the caller's shell among them.
enum class Manner : std::uint8_t {
    nonblocking,  // a pipe or terminal, opened once more by way of /proc/self/fd: our own description
    plain,        // a regular file: never blocks for long
    socket,       // MSG_DONTWAIT
    polled,       // what cannot be opened again: PIPE_BUF bytes fit when poll says so (pipe(7))
};

class InheritedTarget final : public Target {
public:
    InheritedTarget(Fd fd, Manner manner, bool is_pipe)
        : fd_(std::move(fd)), manner_(manner), is_pipe_(is_pipe) {}

    Put put(std::string_view bytes) override {
        Put put;
        while (put.taken < bytes.size() && put.error == 0) {
            ssize_t count = put_some(bytes.substr(put.taken));
            if (count > 0) put.taken += static_cast<std::size_t>(count);
            if (count == 0) put.error = EIO;
            if (count < 0 && count != -EINTR) put.error = static_cast<int>(-count);
        }
        // A terminal that was hung up says EIO, for ever.
        bool is_terminal = !is_pipe_ && manner_ != Manner::socket && manner_ != Manner::plain;
        put.is_over = put.error == EPIPE || put.error == ECONNRESET || put.error == EBADF ||
                      (put.error == EIO && is_terminal);
        return put;
    }
    int wait_fd() const override { return manner_ == Manner::plain ? -1 : fd_.get(); }
    int splice_fd() const override { return is_pipe_ && manner_ == Manner::nonblocking ? fd_.get() : -1; }

private:
    ssize_t put_some(std::string_view bytes) {
        if (manner_ == Manner::socket)
            return no_eintr(::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
        std::size_t size = bytes.size();
        if (manner_ == Manner::polled) {
            pollfd entry{fd_.get(), POLLOUT, 0};
            if (::poll(&entry, 1, 0) <= 0) return -EAGAIN;
            size = std::min<std::size_t>(size, PIPE_BUF);
        }
        return no_eintr(::write(fd_.get(), bytes.data(), size));
    }

    Fd fd_;
    Manner manner_;
    bool is_pipe_;
};

}  // namespace

Result<std::unique_ptr<Target>> open_fifo(const SinkOptions& options) {
    const char* path = options.path.c_str();
    if (::mkfifo(path, 0600) < 0 && errno != EEXIST) return Error::last("mkfifo", options.path);
    // O_RDWR would wait for a device; what is there is looked at before.
    struct stat status {};
    if (::stat(path, &status) < 0) return Error::last("stat", options.path);
    if (!S_ISFIFO(status.st_mode)) return Error::message(options.path + ": not a fifo");
    URC_TRY(Fd fd, open_at(AT_FDCWD, path, O_RDWR | O_NONBLOCK));
    return std::unique_ptr<Target>(std::make_unique<FifoTarget>(std::move(fd)));
}

Result<std::unique_ptr<Target>> open_inherited(const SinkOptions& options) {
    const std::string number = std::to_string(options.fd);
    struct stat status {};
    if (::fstat(options.fd, &status) < 0) return Error::last("stat", "descriptor " + number);
    int mode = ::fcntl(options.fd, F_GETFL) & O_ACCMODE;
    if (mode == O_RDONLY) return Error(EBADF, "write", "descriptor " + number);
    bool is_pipe = S_ISFIFO(status.st_mode);
    if (is_pipe || S_ISCHR(status.st_mode)) {
        const std::string path = "/proc/self/fd/" + number;
        auto again = open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY);
        if (again.ok())
            return std::unique_ptr<Target>(
                std::make_unique<InheritedTarget>(std::move(*again), Manner::nonblocking, is_pipe));
    }
    Fd copy(::fcntl(options.fd, F_DUPFD_CLOEXEC, 3));
    if (!copy) return Error::last("dup", "descriptor " + number);
    Manner manner = S_ISSOCK(status.st_mode)                             ? Manner::socket
                    : S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) ? Manner::plain
                                                                         : Manner::polled;
    return std::unique_ptr<Target>(std::make_unique<InheritedTarget>(std::move(copy), manner, is_pipe));
}

}  // namespace urc::relay
