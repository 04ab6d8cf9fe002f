#include "core/process/channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "core/errno_words.h"
#include "uring/message.h"

namespace urc::process {

Result<Channel::Pair> Channel::make() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return Error::last("socketpair");
    return Pair{Channel(Fd(ends[0])), Channel(Fd(ends[1]))};
}

namespace {

// Room for one descriptor beside a message (cmsg(3), SCM_RIGHTS).
union FdBuffer {
    cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

Result<void> send_message(int socket, const MessageHeader& header, std::string_view text, int fd) {
    std::byte bytes[kMessageSizeMax];
    const std::size_t length = std::min(text.size(), sizeof bytes - sizeof header);
    std::memcpy(bytes, &header, sizeof header);
    std::ranges::copy(std::as_bytes(std::span(text.substr(0, length))), bytes + sizeof header);
    OutMessage message(std::span(bytes, sizeof header + length));
    if (fd >= 0) (void)message.add_fd(fd);
    return send_blocking(socket, message, "send to the container's process");
}

// The descriptor that came with `message`, if one did.
Fd received_fd(msghdr& message) {
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return {};
    int fd;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return Fd(fd);
}

}  // namespace

Result<void> Channel::send(Message type, std::int32_t value, std::string_view text) const {
    MessageHeader header{.type = type, .has_errno_text = 0, .unused = {}, .value = value};
    return send_message(fd_.get(), header, text, -1);
}

Result<void> Channel::send_fd(Message type, int fd) const {
    MessageHeader header{.type = type, .has_errno_text = 0, .unused = {}, .value = 0};
    return send_message(fd_.get(), header, {}, fd);
}

Result<void> Channel::send_error(const Error& error) const {
    return send(Message::failed, error.code(), error.text());
}

Error child_died() {
    return Error::message("the container's process died before it was set up", ECHILD);
}

Result<Received> Channel::receive() const {
    char buffer[kMessageSizeMax];
    iovec part{buffer, sizeof buffer};
    FdBuffer control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    ssize_t got;
    bool has_died = false;
    do {
        got = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
        // The child ended with a message of ours unread, so it never came to execute anything. This is told
        // once, and before what the child may have said: that comes with the next call.
        if (got < 0 && errno == ECONNRESET && !std::exchange(has_died, true)) errno = EINTR;
    } while (got < 0 && errno == EINTR);
    if (got == 0 && has_died) return child_died();
    if (got == 0) return Received{};
    if (got < 0) return Error::last("receive from the container's process");

    Fd fd = received_fd(message);
    MessageHeader header;
    if (static_cast<std::size_t>(got) < sizeof header)
        return Error(EBADMSG, "receive from the container's process");
    std::memcpy(&header, buffer, sizeof header);
    if (header.type == Message::end_of_file || header.type > Message::last)
        return Error(EBADMSG, "receive from the container's process");
    Received received{header.type, header.value,
                      std::string(buffer + sizeof header, static_cast<std::size_t>(got) - sizeof header),
                      std::move(fd)};
    if (received.type == Message::failed) {
        if (received.text.empty()) return Error(EBADMSG, "receive from the container's process");
        if (header.has_errno_text)
            return Error::message(received.text + ": " + errno_words(received.value), received.value);
        return Error::message(received.text, received.value);
    }
    return received;
}

Result<Received> Channel::expect(Message type) const {
    URC_TRY(Received received, receive());
    if (received.type == Message::end_of_file) return child_died();
    if (received.type != type) return Error(EPROTO, "receive from the container's process");
    return received;
}

}  // namespace urc::process
