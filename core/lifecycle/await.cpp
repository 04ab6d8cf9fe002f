#include "core/lifecycle/await.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/terminal/terminal.h"

namespace urc {

namespace {

Error unexpected() {
    return Error(EPROTO, "receive from the container's process");
}

Result<void> take_terminal(Console& console, Fd master) {
    URC_TRY_VOID(terminal::verify_master(master.get()));
    if (console.socket) return terminal::send_console(console.socket.get(), master.get());
    console.master = std::move(master);
    return {};
}

// Until the child says `word`.
Result<process::Received> await_word(process::Message word, const Log& log, const process::Channel& channel,
                                     Console& console) {
    for (;;) {
        URC_TRY(process::Received received, channel.receive());
        if (received.type == word) return received;
        switch (received.type) {
            case process::Message::phases:
                log.debug("child: ", received.text);
                continue;
            case process::Message::console:
                if (!console.is_wanted || std::exchange(console.has_come, true)) return unexpected();
                URC_TRY_VOID(take_terminal(console, std::move(received.fd)));
                continue;
            case process::Message::end_of_file:
                return process::child_died();
            default:
                return unexpected();
        }
    }
}

// What a stage told of before it ended. It is our child, so the number is its own until we reap it.
Result<process::Cloned> successor(Result<process::Received> spawned, const Pidfd& stage) {
    ::waitid(P_PIDFD, static_cast<id_t>(stage.get()), nullptr, WEXITED);
    if (!spawned.ok()) return std::move(spawned).error();
    process::Cloned cloned{spawned->value,
                           Pidfd(static_cast<int>(::syscall(SYS_pidfd_open, spawned->value, 0)))};
    if (!cloned.pidfd) return Error::last("pidfd_open", "the container's process");
    return cloned;
}

Result<void> check_terminal(const Console& console) {
    if (console.is_wanted && !console.has_come) return Error(EPROTO, "receive the container's terminal");
    return {};
}

// A listener that came as the number that it has in `child`.
Result<Fd> fetch_listener(const Pidfd& child, int number) {
    Fd listener(static_cast<int>(::syscall(SYS_pidfd_getfd, child.get(), number, 0)));
    if (!listener) return Error::last("pidfd_getfd", "the seccomp listener");
    return listener;
}

}  // namespace

Result<process::Cloned> await_successor(const process::Channel& channel, const Pidfd& stage) {
    return successor(channel.expect(process::Message::spawned), stage);
}

Result<process::Cloned> await_clone(const Log& log, const process::Channel& channel, Console& console,
                                    const Pidfd& stage) {
    URC_TRY(process::Cloned cloned,
            successor(await_word(process::Message::spawned, log, channel, console), stage));
    auto checked = check_terminal(console);
    if (!checked.ok()) {
        kill_and_reap(cloned.pidfd);
        return std::move(checked).error();
    }
    return cloned;
}

void discard_clone(const process::Channel& channel) {
    pollfd entry{channel.get(), POLLIN, 0};
    while (::poll(&entry, 1, 0) == 1 && (entry.revents & POLLIN)) {
        auto received = channel.receive();
        if (!received.ok() || received->type == process::Message::end_of_file) return;
        if (received->type != process::Message::spawned) continue;
        kill_and_reap(Pidfd(static_cast<int>(::syscall(SYS_pidfd_open, received->value, 0))));
        return;
    }
}

Result<void> await_mounted(const Log& log, const process::Channel& channel, Console& console) {
    auto mounted = await_word(process::Message::mounted, log, channel, console);
    return mounted.ok() ? Result<void>{} : std::move(mounted).error();
}

Result<void> await_ready(const Log& log, const process::Channel& channel, Console& console) {
    auto ready = await_word(process::Message::ready, log, channel, console);
    if (!ready.ok()) return std::move(ready).error();
    return check_terminal(console);
}

Result<void> await_program(const Log& log, const process::Channel& channel, const TakeListener& take,
                           const Pidfd* child) {
    for (;;) {
        URC_TRY(process::Received received, channel.receive());
        switch (received.type) {
            case process::Message::end_of_file:
                return {};
            case process::Message::phases:
                log.debug("child: ", received.text);
                continue;
            case process::Message::listener:
                if (take && child && !received.fd) {
                    URC_TRY(received.fd, fetch_listener(*child, received.value));
                }
                if (!take || !received.fd) return unexpected();
                URC_TRY_VOID(take(std::move(received.fd)));
                URC_TRY_VOID(channel.send(process::Message::listener_taken));
                continue;
            default:
                return unexpected();
        }
    }
}

Result<void> say_go(const Log& log, const process::Channel& channel, const TakeListener& take,
                    const Pidfd* child, std::string_view text) {
    auto sent = channel.send(process::Message::go, 0, text);
    // A child that has given up already says why.
    auto runs = await_program(log, channel, take, child);
    if (sent.ok() || !runs.ok()) return runs;
    // Nobody was there to hear it, and it could not go on without: killed, without a last word.
    return sent.error().code() == EPIPE ? process::child_died() : std::move(sent).error();
}

Error better_error(Error error, const process::Channel& channel) {
    bool is_channel_broken = error.code() == EPIPE || error.code() == ECONNRESET;
    if (!is_channel_broken) return error;
    for (;;) {
        auto received = channel.receive();
        if (!received.ok()) return std::move(received).error();
        if (received->type == process::Message::end_of_file) return process::child_died();
    }
}

void kill_and_reap(const Pidfd& pidfd) {
    if (!pidfd) return;
    ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    siginfo_t info;
    while (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) < 0 && errno == EINTR) {
    }
}

}  // namespace urc
