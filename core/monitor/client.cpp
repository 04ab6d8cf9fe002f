#include "core/monitor/client.h"

#include <sys/socket.h>

#include <algorithm>

#include "core/process/start_socket.h"
#include "uring/check.h"
#include "uring/message.h"

namespace urc::monitor {

Result<Fd> connect_monitor(const StateDir& dir) {
    auto connected = process::connect_at(dir.fd(), kMonitorSocket);
    if (connected) return connected->take();
    const int code = connected.error().code();
    // A monitor that was killed leaves its socket behind.
    if (code == ENOENT || code == ECONNREFUSED) return Error::message("nobody monitors the container", code);
    return std::move(connected).error();
}

Result<void> send_packet(int socket, Kind kind, std::span<const std::byte> body) {
    URC_CHECK(body.size() <= kBodySizeMax);
    PacketBuffer buffer;
    buffer[0] = static_cast<std::byte>(kind);
    std::ranges::copy(body, buffer.begin() + 1);
    const std::span<const std::byte> packet = std::span(buffer).first(1 + body.size());
    OutMessage message(packet);
    return send_blocking(socket, message, "send to the container's monitor");
}

Result<std::optional<Packet>> receive_packet(int socket, PacketBuffer& buffer) {
    ssize_t got;
    do {
        // MSG_TRUNC: the real length, so that a packet that does not fit is seen.
        got = ::recv(socket, buffer.data(), buffer.size(), MSG_TRUNC);
        // ECONNRESET: it ended without having read all of ours. That is told once, and before what it said.
    } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    if (got < 0) return Error::last("receive from the container's monitor");
    if (got == 0) return std::optional<Packet>();
    const auto size = static_cast<std::size_t>(got);
    if (size > buffer.size() || buffer[0] == std::byte{0})
        return Error(EBADMSG, "receive from the container's monitor");
    return std::optional(Packet{static_cast<Kind>(buffer[0]), std::span(buffer).subspan(1, size - 1)});
}

Result<void> ask_monitor(int socket, Kind kind) {
    URC_TRY_VOID(send_packet(socket, kind));
    PacketBuffer buffer;
    URC_TRY(std::optional<Packet> answer, receive_packet(socket, buffer));
    if (!answer) return Error::message("the container's monitor has ended", ECONNRESET);
    if (answer->kind == Kind::refused) return Error::message(answer->text(), EACCES);
    if (answer->kind != Kind::done) return Error(EPROTO, "receive from the container's monitor");
    return {};
}

}  // namespace urc::monitor
