#include "core/monitor/handover.h"

#include <sys/socket.h>

#include <cstdint>
#include <span>

#include "uring/message.h"

namespace urc::monitor {

namespace {
constexpr std::uint8_t kHasTerminal = 1, kHasNotifySocket = 2, kHasNetworkNamespace = 4;
}

Result<void> send_handover(int socket, Launched& container) {
    const std::uint8_t what = static_cast<std::uint8_t>(
        (container.terminal ? kHasTerminal : 0) | (container.notify_socket ? kHasNotifySocket : 0) |
        (container.network_namespace ? kHasNetworkNamespace : 0));
    OutMessage message(std::as_bytes(std::span(&what, 1)));
    bool fits = message.add_fd(container.dir.fd()) && message.add_fd(container.init.get());
    if (container.terminal) fits = fits && message.add_fd(container.terminal.get());
    if (container.notify_socket) fits = fits && message.add_fd(container.notify_socket.get());
    if (container.network_namespace) fits = fits && message.add_fd(container.network_namespace.get());
    URC_CHECK(fits);
    URC_TRY_VOID(send_blocking(socket, message, "send to the container's monitor"));
    container.terminal.reset();
    container.notify_socket.reset();
    container.network_namespace.reset();
    return {};
}

Result<Handover> receive_handover(int socket) {
    std::uint8_t what = 0;
    InMessage message(std::as_writable_bytes(std::span(&what, 1)));
    ssize_t got;
    do {
        got = ::recvmsg(socket, &message.header_to_fill(), MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return Error::last("receive the container");
    if (got == 0) return Error(ECHILD, "receive the container");
    message.received(static_cast<std::size_t>(got));
    std::vector<Fd>& fds = message.fds();
    const std::size_t wanted = 2u + ((what & kHasTerminal) ? 1 : 0) + ((what & kHasNotifySocket) ? 1 : 0) +
                               ((what & kHasNetworkNamespace) ? 1 : 0);
    if (fds.size() != wanted) return Error(EBADMSG, "receive the container");
    Handover handover{std::move(fds[0]), std::move(fds[1]), {}, {}, {}};
    std::size_t next = 2;
    if (what & kHasTerminal) handover.terminal = std::move(fds[next++]);
    if (what & kHasNotifySocket) handover.notify_socket = std::move(fds[next++]);
    if (what & kHasNetworkNamespace) handover.network_namespace = std::move(fds[next]);
    return handover;
}

}  // namespace urc::monitor
