#include "core/terminal/caller.h"

#include <unistd.h>

#include <csignal>
#include <utility>

namespace urc::terminal {

Result<void> Caller::take() {
    if (is_in_background()) return {};
    if (!is_raw_ && ::tcgetattr(streams_.in, &before_) < 0) {
        if (errno == ENOTTY || errno == EINVAL || errno == EBADF) return {};
        return Error::last("tcgetattr");
    }
    termios raw = before_;
    ::cfmakeraw(&raw);
    // TCSANOW: what the user has typed ahead is for the container, not to be thrown away.
    if (::tcsetattr(streams_.in, TCSANOW, &raw) < 0) return Error::last("tcsetattr");
    is_raw_ = true;
    return {};
}

void Caller::give_back() noexcept {
    if (std::exchange(is_raw_, false) && !is_in_background()) ::tcsetattr(streams_.in, TCSANOW, &before_);
}

bool Caller::is_in_background() const noexcept {
    const pid_t group = ::tcgetpgrp(streams_.in);
    return group > 0 && group != ::getpgrp();
}

Result<void> Caller::stop(int signal) {
    give_back();
    sigset_t only, before;
    sigemptyset(&only);
    sigaddset(&only, signal);
    ::raise(signal);
    // Here we stop. The kernel knows whether somebody is there to continue us; SIGSTOP would not ask.
    ::sigprocmask(SIG_UNBLOCK, &only, &before);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    return take();
}

std::optional<winsize> Caller::size() const noexcept {
    winsize size;
    for (int fd : {streams_.in, streams_.out, streams_.err})
        if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) return size;
    return std::nullopt;
}

}  // namespace urc::terminal
