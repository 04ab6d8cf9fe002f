#include "core/child/listener.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/process/spawn.h"

namespace urc::child {

namespace {

// The helper's whole life. Its descriptors are also the other's; they close with execve.
[[noreturn]] void help(int socket, pid_t maker, const process::Channel& channel) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int listener = -1;
    bool has_come = ::getppid() == maker && ::read(socket, &listener, sizeof listener) == sizeof listener;
    if (!has_come) ::_exit(1);
    if (!channel.send_fd(process::Message::listener, listener).ok() ||
        !channel.expect(process::Message::listener_taken).ok()) {
        // The only one left, as the table is shared: with it, notified calls come back with ENOSYS.
        ::close(listener);
        ::_exit(1);
    }
    const char taken = 1;
    ::_exit(::write(socket, &taken, 1) == 1 ? 0 : 1);
}

long address(void* pointer) {
    return reinterpret_cast<long>(pointer);
}

}  // namespace

Result<ListenerHandover> ListenerHandover::make() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return Error::last("socketpair");
    ListenerHandover handover;
    handover.ours_ = Fd(ends[0]);
    handover.helpers_ = Fd(ends[1]);
    if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) return Error::last("socketpair");
    return handover;
}

void ListenerHandover::add_calls(LastPage& page, LastPage::Call& load) {
    load.result = &buffer_->listener;
    const std::string text = "hand over the seccomp listener";
    page.add(text, SYS_write, ours_.get(), address(&buffer_->listener), sizeof buffer_->listener).at_least =
        sizeof buffer_->listener;
    page.add("", SYS_wait4, -1, 0, __WALL, 0);
    // The helper is gone, so the byte is there by now or never comes.
    page.add(text, SYS_read, ours_.get(), address(&buffer_->taken), 1).at_least = 1;
}

Result<void> ListenerHandover::start(const process::Channel& channel) {
    const pid_t maker = ::getpid();
    auto helper = process::clone_process({.namespaces = CLONE_FILES});
    if (!helper.ok()) return std::move(helper).error();
    if (helper->pid == 0) help(helpers_.get(), maker, channel);
    return {};
}

}  // namespace urc::child
