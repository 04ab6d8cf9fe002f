#include "core/ports/datagram_control.h"

#include <netinet/udp.h>

#include <cstring>

namespace urc::ports {

namespace {

// Behind what is there.
template <typename Value>
void put_control(msghdr& message, DatagramControl& control, int level, int type,
                 const Value& value) noexcept {
    auto* head = reinterpret_cast<cmsghdr*>(control.bytes.data() + message.msg_controllen);
    message.msg_control = control.bytes.data();
    message.msg_controllen += CMSG_SPACE(sizeof value);
    head->cmsg_level = level;
    head->cmsg_type = type;
    head->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(head), &value, sizeof value);
}

}  // namespace

void receive_hosts(int socket) noexcept {
    // One of them fits, or both for a socket of both families.
    const int one = 1;
    (void)::setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
    (void)::setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
}

Address host_of(msghdr& message) noexcept {
    Address host;
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_PKTINFO) {
            in_pktinfo info;
            std::memcpy(&info, CMSG_DATA(head), sizeof info);
            host.v4().sin_family = AF_INET;
            host.v4().sin_addr = info.ipi_addr;
        } else if (head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info;
            std::memcpy(&info, CMSG_DATA(head), sizeof info);
            host.v6().sin6_family = AF_INET6;
            host.v6().sin6_addr = info.ipi6_addr;
            // Addresses of one link are nothing without it.
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) host.v6().sin6_scope_id = info.ipi6_ifindex;
        }
    }
    return host;
}

void put_host(msghdr& message, DatagramControl& control, const Address& host) noexcept {
    if (host.get()->sa_family == AF_INET) {
        in_pktinfo info{};
        info.ipi_spec_dst = host.v4().sin_addr;
        put_control(message, control, IPPROTO_IP, IP_PKTINFO, info);
    } else if (host.get()->sa_family == AF_INET6) {
        in6_pktinfo info{};
        info.ipi6_addr = host.v6().sin6_addr;
        info.ipi6_ifindex = host.v6().sin6_scope_id;
        put_control(message, control, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
}

std::size_t segment_of(msghdr& message) noexcept {
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != IPPROTO_UDP || head->cmsg_type != UDP_GRO) continue;
        int size = 0;
        std::memcpy(&size, CMSG_DATA(head), sizeof size);
        return size > 0 ? static_cast<std::size_t>(size) : 0;
    }
    return 0;
}

void put_segment(msghdr& message, DatagramControl& control, std::uint16_t size) noexcept {
    put_control(message, control, IPPROTO_UDP, UDP_SEGMENT, size);
}

}  // namespace urc::ports
