#include "core/terminal/caller_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <string>
#include <utility>

#include "uring/ops_file.h"

namespace urc::terminal {

namespace {

Fd open_again(int fd, Direction direction) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const int access = direction == Direction::input ? O_RDONLY : O_WRONLY;
    return Fd(::open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

// A blocked SIGPIPE would stay pending and end us when the mask is restored.
void discard_sigpipe() {
    const int code = errno;
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    const timespec now{};
    while (::sigtimedwait(&only, nullptr, &now) < 0 && errno == EINTR) {
    }
    errno = code;
}

}  // namespace

CallerStream::CallerStream(int fd, Direction direction) : fd_(fd) {
    struct stat status;
    if (::fstat(fd, &status) < 0) return;
    is_terminal_ = ::isatty(fd) == 1;
    is_finite_ = !S_ISCHR(status.st_mode);
    if (S_ISSOCK(status.st_mode)) kind_ = Kind::socket;
    if (!is_terminal_ && !S_ISFIFO(status.st_mode)) return;
    own_ = open_again(fd, direction);
    if (!own_) kind_ = Kind::polled;
}

bool CallerStream::would_wait(short events) const noexcept {
    pollfd wait{fd_, events, 0};
    if (::poll(&wait, 1, 0) != 0) return false;
    errno = EAGAIN;
    return true;
}

ssize_t CallerStream::read(std::span<std::byte> buffer) const noexcept {
    if (kind_ == Kind::socket) return ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (kind_ == Kind::polled && would_wait(POLLIN)) return -1;
    return ::read(get(), buffer.data(), buffer.size());
}

ssize_t CallerStream::write(std::span<const std::byte> bytes) const noexcept {
    if (kind_ == Kind::socket) return ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (kind_ == Kind::polled) {
        if (would_wait(POLLOUT)) return -1;
        bytes = bytes.first(std::min<std::size_t>(bytes.size(), PIPE_BUF));
    }
    ssize_t count = ::write(get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EPIPE) discard_sigpipe();
    return count;
}

Task<std::size_t> read_some(Loop& loop, const CallerStream& in, std::span<std::byte> buffer) {
    for (;;) {
        // Polled also when there is something: whoever has it all at hand must not keep the loop from others.
        co_await poll(loop, in.get(), POLLIN);
        ssize_t count = in.read(buffer);
        if (count >= 0) co_return static_cast<std::size_t>(count);
        if (errno == EAGAIN || errno == EINTR) continue;
        Error error = Error::last("read", "stdin");
        co_await fail(std::move(error));
    }
}

Task<void> write_rest(Loop& loop, const CallerStream& out, std::span<const std::byte>& rest) {
    while (!rest.empty()) {
        ssize_t count = out.write(rest);
        if (count > 0) {
            rest = rest.subspan(static_cast<std::size_t>(count));
        } else if (count < 0 && errno == EAGAIN) {
            co_await poll(loop, out.get(), POLLOUT);
        } else if (count == 0 || errno != EINTR) {
            Error error(count == 0 ? EIO : errno, "write");
            co_await fail(std::move(error));
        }
    }
}

}  // namespace urc::terminal
