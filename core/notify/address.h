// Address: $NOTIFY_SOCKET of urc's own environment, where the manager listens. sd_notify(3), unix(7),
// vsock(7).
//
//   /path                     AF_UNIX datagrams, in the file system
//   @name                     the same, abstract: a NUL for the `@`, none at the end, the length counts
//   vsock:CID:PORT            AF_VSOCK: datagrams, or SEQPACKET where the host has none
//   vsock-dgram:CID:PORT      that type and no other; also
//                             vsock-seqpacket: and vsock-stream:
//
// A vsock with connections gets one for each notification, as sd_notify does it: what stands between connect
// and shutdown is one message.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "uring/result.h"

namespace urc::notify {

struct Address {
    std::string text;  // as it was given
    sockaddr_storage socket_address{};
    socklen_t size = 0;
    int type = SOCK_DGRAM;
    int second_type = 0;  // for a host that does not know `type`; 0: none

    // Only AF_UNIX takes descriptors along.
    bool carries_fds() const noexcept { return socket_address.ss_family == AF_UNIX; }
    const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&socket_address); }
};

// One line that says what is wrong with `text` otherwise.
Result<Address> parse_address(std::string_view text);

}  // namespace urc::notify
