// The channel between urc and the process that becomes the container's init: a SOCK_SEQPACKET pair, so that
// every message is whole. Both ends are close-on-exec: the child's successful execve closes it, and the
// parent's end-of-file is the news that all went well. A child whose parent dies reads end-of-file too, and
// exits.
//
//   parent (urc)                              child
//     |<-- spawned(pid) ------------------------|  by a joining stage, when pid, user or time namespaces ask
//     |                                         |  for one: it has cloned the real init, and exits; exec: by
//     |                                         |  the last page in place of ready, of what it has cloned
//     |--- ids_mapped ------------------------->|  user namespace: it may become root of it now
//     |--- cgroup_ready ----------------------->|  v1: the directories exist, it may move itself into them;
//     |                                         |  --systemd-cgroup: systemd has moved it into its scope
//     |--- network_ready ---------------------->|  linux.netDevices: they have come
//     |<-- console [descriptor] ----------------|  process.terminal: the master of its terminal
//     |<-- mounted -----------------------------|  prestart or createRuntime hooks: all mounts are there,
//     |                                         |  pivot_root is still to come; the hooks run now
//     |--- pivot ------------------------------>|  all of them have succeeded
//     |<-- ready -------------------------------|  create, terminals: nothing is left but the last page
//     |--- committed -------------------------->|  create: all is done, and it waits on the start socket now
//     |--- go --------------------------------->|  run: as soon as the parent has done its own part, whether
//     |                                         |  it has come that far or not; create: by the start socket
//     |<-- listener [descriptor] ---------------|  seccomp notifies: from a helper of it (child/listener.h);
//     |                                         |  of what a last page has cloned, its number there is the
//     value
//     |--- listener_taken --------------------->|  the agent has it
//     |<-- end of file -------------------------|  execve succeeded
//     |<-- failed(errno, text) -----------------|  at any point in place of the above: its Error; it exits
//     |<-- phases(text) ------------------------|  with --debug, before ready: what each step took
#pragma once

#include <cstdint>
#include <string>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::process {

enum class Message : std::uint8_t {
    end_of_file = 0,
    spawned = 1,
    ids_mapped,
    cgroup_ready,
    console,
    ready,
    go,
    failed,
    phases,
    // `start` may be of a newer urc than `create` was: what both say keeps its number, new words go to the
    // end.
    mounted,
    pivot,
    network_ready,
    listener,
    listener_taken,
    committed,
    last = committed,
};

inline constexpr std::size_t kMessageSizeMax = 4096;

// What travels before the text. `value` is the errno of `failed` or the pid of `spawned`.
struct MessageHeader {
    Message type{};
    std::uint8_t has_errno_text =
        0;  // failed: the errno's words are still to be added, as callers match them (errno_words.h)
    std::uint8_t unused[2]{};
    std::int32_t value = 0;
};

// What to say when the channel ends although more was to come.
Error child_died();

struct Received {
    Message type = Message::end_of_file;
    std::int32_t value = 0;
    std::string text;
    Fd fd;  // of `console` and `listener`
};

class Channel {
public:
    struct Pair;
    static Result<Pair> make();

    Channel() = default;
    explicit Channel(Fd fd) : fd_(std::move(fd)) {}
    int get() const { return fd_.get(); }
    Fd take() { return std::move(fd_); }
    void close() { fd_.reset(); }

    // Sends one message; EPIPE when the other side is gone. Text beyond kMessageSizeMax is cut.
    Result<void> send(Message type, std::int32_t value = 0, std::string_view text = {}) const;
    // The same with a descriptor, which stays the caller's.
    Result<void> send_fd(Message type, int fd) const;
    Result<void> send_error(const Error& error) const;

    // Blocks for one message. `failed` becomes the Error it carries; a message too short or of an unknown
    // type is EBADMSG: the child may by now run under a hostile rootfs, so nothing it says is trusted.
    Result<Received> receive() const;

    // receive, and EPROTO unless it is of this type.
    Result<Received> expect(Message type) const;

private:
    Fd fd_;
};

struct Channel::Pair {
    Channel parent;
    Channel child;
};

}  // namespace urc::process
