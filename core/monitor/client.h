// The other side of monitor.sock (protocol.h) for the short verbs: `urc attach`, `urc logs --rotate`, `urc
// start`. Plain blocking calls; whoever waits for more than the monitor polls the socket.
//
//   URC_TRY(Fd monitor, monitor::connect_monitor(dir));
//   URC_TRY_VOID(monitor::send_packet(monitor.get(), monitor::Kind::resize, monitor::Resize{24, 80}));
//   monitor::PacketBuffer buffer;
//   URC_TRY(auto packet, monitor::receive_packet(monitor.get(), buffer));     // nullopt: it has ended
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/monitor/protocol.h"
#include "core/state/store.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::monitor {

using PacketBuffer = std::array<std::byte, 1 + kBodySizeMax>;

// Its body lies in the buffer that it was received into.
struct Packet {
    Kind kind{};
    std::span<const std::byte> body;

    std::string_view text() const { return {reinterpret_cast<const char*>(body.data()), body.size()}; }
    // nullopt: too short for one. A longer body comes from a newer urc, which only adds members.
    template <typename Body>
    std::optional<Body> as() const {
        static_assert(std::is_trivially_copyable_v<Body>);
        if (body.size() < sizeof(Body)) return std::nullopt;
        Body value;
        std::memcpy(&value, body.data(), sizeof value);
        return value;
    }
};

// ENOENT or ECONNREFUSED "nobody monitors the container" when there is no monitor, or none any more.
Result<Fd> connect_monitor(const StateDir& dir);

// EPIPE when the monitor has gone; EAGAIN when `socket` is non-blocking and the monitor is slow. At most
// kBodySizeMax bytes.
Result<void> send_packet(int socket, Kind kind, std::span<const std::byte> body = {});
template <typename Body>
requires(std::is_trivially_copyable_v<Body> && !std::is_convertible_v<Body, std::span<const std::byte>>)
    Result<void> send_packet(int socket, Kind kind, const Body& body) {
    return send_packet(socket, kind, std::as_bytes(std::span(&body, 1)));
}

// Blocks for one packet; nullopt when the monitor has closed the connection, after all that it had sent.
// EBADMSG: no kind, or a body that is too long. The kind may be one that we do not know.
Result<std::optional<Packet>> receive_packet(int socket, PacketBuffer& buffer);

// Sends `kind` and waits for `done`. The text of `refused` is the Error's, and EPROTO is any other answer.
Result<void> ask_monitor(int socket, Kind kind);

}  // namespace urc::monitor
