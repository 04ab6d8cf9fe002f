#include "core/terminal/terminal.h"

#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/process/unix_socket.h"

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

Result<void> send_console(int connection, int master) {
    int number = 0;
    if (::ioctl(master, TIOCGPTN, &number) < 0) return Error::last("TIOCGPTN");
    return process::send_descriptor(connection, "/dev/pts/" + std::to_string(number), master,
                                    "--console-socket");
}

}  // namespace urc::terminal
