#include "core/terminal/terminal.h"

#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>

namespace urc::terminal {

Result<RawMode> RawMode::enter(int fd) {
    RawMode mode;
    if (::tcgetattr(fd, &mode.before_) < 0) {
        if (errno == ENOTTY || errno == EINVAL || errno == EBADF) return mode;
        return Error::last("tcgetattr");
    }
    termios raw = mode.before_;
    ::cfmakeraw(&raw);
    // TCSANOW: what the user has typed ahead is for the container, not to be thrown away.
    if (::tcsetattr(fd, TCSANOW, &raw) < 0) return Error::last("tcsetattr");
    mode.fd_ = fd;
    return mode;
}

RawMode& RawMode::operator=(RawMode&& other) noexcept {
    if (this != &other) {
        restore();
        fd_ = std::exchange(other.fd_, -1);
        before_ = other.before_;
    }
    return *this;
}

void RawMode::restore() noexcept {
    if (fd_ >= 0) ::tcsetattr(std::exchange(fd_, -1), TCSANOW, &before_);
}

Result<void> set_size(int master, const spec::ConsoleSize& size) {
    if (size.height == 0 && size.width == 0) return {};
    winsize window{};
    window.ws_row = size.height;
    window.ws_col = size.width;
    if (::ioctl(master, TIOCSWINSZ, &window) < 0) return Error::last("TIOCSWINSZ", "process.consoleSize");
    return {};
}

void copy_size(int from, int master) {
    winsize window;
    if (::ioctl(from, TIOCGWINSZ, &window) == 0) ::ioctl(master, TIOCSWINSZ, &window);
}

Result<void> verify_master(int fd) {
    struct stat status;
    struct statfs file_system;
    if (::fstat(fd, &status) < 0 || ::fstatfs(fd, &file_system) < 0)
        return Error::last("fstat", "the container's terminal");
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(5, 2) ||
        file_system.f_type != DEVPTS_SUPER_MAGIC)
        return Error(EINVAL, "verify", "the container's terminal");
    return {};
}

Result<Fd> connect_console(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return Error(ENAMETOOLONG, "--console-socket", path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    Fd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!connection) return Error::last("socket");
    int done;
    do {
        done = ::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    } while (done < 0 && errno == EINTR);
    if (done < 0) return Error::last("connect --console-socket", path);
    return connection;
}

Result<void> send_console(int connection, int master) {
    int number = 0;
    if (::ioctl(master, TIOCGPTN, &number) < 0) return Error::last("TIOCGPTN");
    std::string name = "/dev/pts/" + std::to_string(number);
    iovec part{name.data(), name.size()};
    union {
        cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control{};
    control.header = {.cmsg_len = CMSG_LEN(sizeof master), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    std::memcpy(CMSG_DATA(&control.header), &master, sizeof master);
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    ssize_t sent;
    do {
        sent = ::sendmsg(connection, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return Error::last("send the terminal", "--console-socket");
    return {};
}

}  // namespace urc::terminal
