// Datagrams through a published port.
#pragma once

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "tests/core/ports/publisher_fixture.h"
#include "uring/ops_file.h"

namespace urc::ports {

struct Datagram {
    std::string text;
    Address from;
};

inline std::string udp_spec(const std::string& host, const Fd& server) {
    return host + std::to_string(port_of(server.get())) + "/udp";
}

inline Task<Datagram> receive_datagram(Loop& loop, int socket) {
    Datagram datagram;
    datagram.text.resize(70'000);
    co_await poll(loop, socket, POLLIN);
    socklen_t size = Address::kSizeMax;
    const ssize_t count = ::recvfrom(socket, datagram.text.data(), datagram.text.size(), MSG_DONTWAIT,
                                     datagram.from.get(), &size);
    datagram.text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    co_return std::move(datagram);
}

inline void answer(const Fd& server, const Address& client, std::string_view text) {
    EXPECT_EQ(::sendto(server.get(), text.data(), text.size(), 0, client.get(), client.size()),
              static_cast<ssize_t>(text.size()));
}

inline void say(const Fd& client, std::string_view text) {
    EXPECT_EQ(::send(client.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
}

// What a client finds out by an attempt to read.
inline Task<int> next_error(Loop& loop, const Fd& client) {
    co_await poll(loop, client.get(), POLLIN);
    std::array<char, 16> buffer;
    co_return ::recv(client.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) < 0 ? errno : 0;
}

}  // namespace urc::ports
