#include "core/terminal/terminal.h"

#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/process/unix_socket.h"

namespace urc::terminal {

Result<void> set_size(int master, const spec::ConsoleSize& size) {
    if (size.height == 0 && size.width == 0) return {};
    winsize window{};
    window.ws_row = size.height;
    window.ws_col = size.width;
    if (::ioctl(master, TIOCSWINSZ, &window) < 0) return Error::last("TIOCSWINSZ", "process.consoleSize");
    return {};
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
