#include "core/ports/sources.h"

#include <array>
#include <cstring>

#include "core/network/netlink.h"
#include "uring/ops_socket.h"

namespace urc::ports {

Task<void> Sources::read(SocketStore& sockets) {
    Fd socket = co_await sockets.get(SocketKind::route);
    co_await dump(std::move(socket));
}

Task<void> Sources::watch(Loop& loop, SocketStore& sockets) {
    Fd changes = co_await sockets.get(SocketKind::route);
    sockaddr_nl groups{};
    groups.nl_family = AF_NETLINK;
    groups.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    if (::bind(changes.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) < 0)
        co_await fail(Error::last("bind", "rtnetlink"));
    std::array<std::byte, 256> message;
    for (;;) {
        co_await read(sockets);
        // What it says does not matter: that there was a change does. ENOBUFS: there were many.
        auto received = co_await settled(recv(loop, changes.get(), message));
        if (!received.ok() && received.error().code() != ENOBUFS) co_await fail(received.error());
    }
}

// The kernel answers a dump before it returns, so this does not wait.
Result<void> Sources::dump(Fd socket) {
    std::optional<Address> v4, v6;
    const auto take = [&](const nlmsghdr& message) {
        if (message.nlmsg_type != RTM_NEWADDR || message.nlmsg_len < NLMSG_LENGTH(sizeof(ifaddrmsg))) return;
        ifaddrmsg body;
        std::memcpy(&body, NLMSG_DATA(&message), sizeof body);
        // Link-local ones need a zone; those that are not confirmed yet, or given up, cannot be bound.
        if (body.ifa_scope > RT_SCOPE_SITE || (body.ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))) return;
        const network::Attributes attributes(message, sizeof body);
        std::string_view bytes = attributes.find(IFA_LOCAL);
        if (bytes.empty()) bytes = attributes.find(IFA_ADDRESS);
        Address address;
        if (body.ifa_family == AF_INET && bytes.size() == sizeof(in_addr) && !v4) {
            address.v4().sin_family = AF_INET;
            std::memcpy(&address.v4().sin_addr, bytes.data(), bytes.size());
            if (!address.is_loopback()) v4 = address;
        } else if (body.ifa_family == AF_INET6 && bytes.size() == sizeof(in6_addr) && !v6) {
            address.v6().sin6_family = AF_INET6;
            std::memcpy(&address.v6().sin6_addr, bytes.data(), bytes.size());
            if (!address.is_loopback()) v6 = address;
        }
    };
    network::Socket route = network::Socket::adopt(std::move(socket));
    network::Request request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
    URC_TRY_VOID(route.ask(request, "list", "the addresses of the network namespace", take));
    v4_ = v4;
    v6_ = v6;
    return {};
}

}  // namespace urc::ports
