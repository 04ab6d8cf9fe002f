// Sources: the address in the container that a connection from elsewhere comes from.
//
// What is dialled at a loopback address comes from a loopback address, and services take such clients for
// local ones that need no password (CVE-2021-20199). So the connections of clients that are not on this host
// are bound to the container's own first address that is not a loopback address; the kernel delivers them to
// 127.0.0.1 all the same. A namespace that has none but lo leaves no choice, and the log says so.
//
// The list is kept up to date by rtnetlink(7), since a network is often set up after the ports.
#pragma once

#include <optional>

#include "core/ports/address.h"
#include "core/ports/socket_store.h"

namespace urc::ports {

class Sources {
public:
    // nullptr: the namespace has no such address.
    const Address* find(bool is_v6) const noexcept {
        const auto& found = is_v6 ? v6_ : v4_;
        return found ? &*found : nullptr;
    }

    // Reads them once.
    Task<void> read(SocketStore& sockets);
    // Reads them again with each change, until it is cancelled.
    Task<void> watch(Loop& loop, SocketStore& sockets);

private:
    Result<void> dump(Fd socket);

    std::optional<Address> v4_, v6_;
};

}  // namespace urc::ports
