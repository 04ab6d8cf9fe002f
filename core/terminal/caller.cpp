#include "core/terminal/caller.h"

#include <unistd.h>

#include <csignal>
#include <iterator>
#include <utility>

namespace urc::terminal {

namespace {

// No destructor runs when urc itself crashes: then a signal handler gives back what was taken last.
constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

constinit struct {
    int fd = -1;
    termios modes{};
    struct sigaction actions[std::size(kFaults)]{};
} taken;

void restore_actions() {
    for (std::size_t i = 0; i < std::size(kFaults); ++i) ::sigaction(kFaults[i], &taken.actions[i], nullptr);
}

// The second time the signal does what it does without us.
void give_back_and_crash(int signal) {
    ::tcsetattr(taken.fd, TCSANOW, &taken.modes);
    restore_actions();
    ::raise(signal);
}

void handle_faults() {
    struct sigaction action {};
    action.sa_handler = give_back_and_crash;
    for (std::size_t i = 0; i < std::size(kFaults); ++i) ::sigaction(kFaults[i], &action, &taken.actions[i]);
}

}  // namespace

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
    if (!std::exchange(is_raw_, true)) {
        taken.fd = streams_.in;
        taken.modes = before_;
        handle_faults();
    }
    return {};
}

void Caller::give_back() noexcept {
    if (!std::exchange(is_raw_, false)) return;
    restore_actions();
    if (!is_in_background()) ::tcsetattr(streams_.in, TCSANOW, &before_);
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
