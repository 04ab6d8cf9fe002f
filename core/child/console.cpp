// process.terminal: the child opens a terminal on its own devpts, gives the master to the parent, and makes
// the slave its stdio, its controlling terminal, and /dev/console.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/child/launch.h"
#include "core/terminal/terminal.h"

namespace urc::child {

Result<void> open_console(Launch& launch) {
    if (!launch.process->terminal) return {};
    auto opened = launch.rootfs ? open_ptmx(*launch.rootfs) : open_ptmx();
    if (!opened.ok()) return std::move(opened).error().context("terminal");
    Fd master = std::move(*opened);
    int unlock = 0;
    if (::ioctl(master.get(), TIOCSPTLCK, &unlock) < 0) return Error::last("unlock the terminal");
    // By the master, not by a path: /dev/pts belongs to the image (CVE-2025-52565).
    Fd slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave) return Error::last("TIOCGPTPEER");
    if (launch.process->console_size)
        URC_TRY_VOID(terminal::set_size(master.get(), *launch.process->console_size));
    if (::fchown(slave.get(), launch.process->user.uid, static_cast<gid_t>(-1)) < 0 && errno != EPERM &&
        errno != EINVAL)
        return Error::last("fchown", "the container's terminal");
    // exec: /dev/console stays the terminal of the container's init.
    if (launch.rootfs) URC_TRY_VOID(bind_console(*launch.rootfs, slave.get()));
    URC_TRY_VOID(launch.channel.send_fd(process::Message::console, master.get()));
    // It belongs to a session, and what the last page clones makes one of its own.
    if (!launch.clones_last && ::ioctl(slave.get(), TIOCSCTTY, 0) < 0) return Error::last("TIOCSCTTY");
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::dup3(slave.get(), fd, 0) < 0) return Error::last("dup3");
    return {};
}

}  // namespace urc::child
