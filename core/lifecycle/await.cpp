#include "core/lifecycle/await.h"

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
Result<void> await_word(process::Message word, const Log& log, const process::Channel& channel,
                        Console& console) {
    for (;;) {
        URC_TRY(process::Received received, channel.receive());
        if (received.type == word) return {};
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

}  // namespace

Result<process::Cloned> await_successor(const process::Channel& channel, const Pidfd& stage) {
    auto spawned = channel.expect(process::Message::spawned);
    ::waitid(P_PIDFD, static_cast<id_t>(stage.get()), nullptr, WEXITED);
    if (!spawned.ok()) return std::move(spawned).error();
    process::Cloned successor{spawned->value,
                              Pidfd(static_cast<int>(::syscall(SYS_pidfd_open, spawned->value, 0)))};
    if (!successor.pidfd) return Error::last("pidfd_open", "the container's process");
    return successor;
}

Result<void> await_mounted(const Log& log, const process::Channel& channel, Console& console) {
    return await_word(process::Message::mounted, log, channel, console);
}

Result<void> await_ready(const Log& log, const process::Channel& channel, Console& console) {
    URC_TRY_VOID(await_word(process::Message::ready, log, channel, console));
    if (console.is_wanted && !console.has_come) return Error(EPROTO, "receive the container's terminal");
    return {};
}

Result<void> await_program(const Log& log, const process::Channel& channel, const TakeListener& take) {
    for (;;) {
        URC_TRY(process::Received received, channel.receive());
        switch (received.type) {
            case process::Message::end_of_file:
                return {};
            case process::Message::phases:
                log.debug("child: ", received.text);
                continue;
            case process::Message::listener:
                if (!take || !received.fd) return unexpected();
                URC_TRY_VOID(take(std::move(received.fd)));
                URC_TRY_VOID(channel.send(process::Message::listener_taken));
                continue;
            default:
                return unexpected();
        }
    }
}

Result<void> say_go(const Log& log, const process::Channel& channel, const TakeListener& take) {
    auto sent = channel.send(process::Message::go);
    // A child that has given up already says why.
    auto runs = await_program(log, channel, take);
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
