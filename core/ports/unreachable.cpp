#include "core/ports/unreachable.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/ports/datagram_control.h"

namespace urc::ports {

namespace {

// IPv6's header is the larger one; ICMP's are of one size.
constexpr std::size_t kMessageMax =
    sizeof(icmp6_hdr) + sizeof(ip6_hdr) + sizeof(udphdr) + Unreachable::kQuotedMax;
constexpr std::uint8_t kHops = 64;

// ICMP_FILTER, a set of types: linux/icmp.h, which does not go together with the headers of libc.
constexpr int kIcmpFilter = 1;

// RFC 1071.
std::uint16_t checksum(std::span<const std::byte> bytes) noexcept {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto value = std::to_integer<std::uint32_t>(bytes[i]);
        sum += i % 2 == 0 ? value << 8 : value;
    }
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return htons(static_cast<std::uint16_t>(~sum));
}

class Packet {
public:
    template <typename Part>
    std::size_t put(const Part& part) noexcept {
        const std::size_t at = size_;
        std::memcpy(bytes_.data() + size_, &part, sizeof part);
        size_ += sizeof part;
        return at;
    }
    void put(std::span<const std::byte> bytes) noexcept {
        if (!bytes.empty()) std::memcpy(bytes_.data() + size_, bytes.data(), bytes.size());
        size_ += bytes.size();
    }
    template <typename Part>
    void put_again(std::size_t at, const Part& part) noexcept {
        std::memcpy(bytes_.data() + at, &part, sizeof part);
    }
    std::span<std::byte> from(std::size_t at) noexcept { return std::span(bytes_).first(size_).subspan(at); }

private:
    std::array<std::byte, kMessageMax> bytes_;
    std::size_t size_ = 0;
};

// The client's headers are written anew: what is not known of them any more (identification, checksum) does
// not matter to who looks up the socket by addresses and ports.
udphdr quoted_header(const Address& client, const Address& host, std::size_t size) noexcept {
    udphdr header{};
    header.source = client.v4().sin_port;
    header.dest = host.v4().sin_port;
    header.len = htons(static_cast<std::uint16_t>(sizeof header + size));
    return header;
}

void write_v4(Packet& packet, const Address& client, const Address& host,
              std::span<const std::byte> datagram) noexcept {
    icmphdr icmp{};
    icmp.type = ICMP_DEST_UNREACH;
    icmp.code = ICMP_PORT_UNREACH;
    const std::size_t start = packet.put(icmp);
    iphdr ip{};
    ip.version = 4;
    ip.ihl = sizeof ip / 4;
    ip.tot_len = htons(static_cast<std::uint16_t>(sizeof ip + sizeof(udphdr) + datagram.size()));
    ip.ttl = kHops;
    ip.protocol = IPPROTO_UDP;
    ip.saddr = client.v4().sin_addr.s_addr;
    ip.daddr = host.v4().sin_addr.s_addr;
    const std::size_t quoted = packet.put(ip);
    ip.check = checksum(packet.from(quoted));
    packet.put_again(quoted, ip);
    packet.put(quoted_header(client, host, datagram.size()));
    packet.put(datagram);
    icmp.checksum = checksum(packet.from(start));
    packet.put_again(start, icmp);
}

// The kernel puts in the checksum of ICMPv6.
void write_v6(Packet& packet, const Address& client, const Address& host,
              std::span<const std::byte> datagram) noexcept {
    icmp6_hdr icmp{};
    icmp.icmp6_type = ICMP6_DST_UNREACH;
    icmp.icmp6_code = ICMP6_DST_UNREACH_NOPORT;
    packet.put(icmp);
    ip6_hdr ip{};
    ip.ip6_flow = htonl(6U << 28);
    ip.ip6_plen = htons(static_cast<std::uint16_t>(sizeof(udphdr) + datagram.size()));
    ip.ip6_nxt = IPPROTO_UDP;
    ip.ip6_hlim = kHops;
    ip.ip6_src = client.v6().sin6_addr;
    ip.ip6_dst = host.v6().sin6_addr;
    packet.put(ip);
    packet.put(quoted_header(client, host, datagram.size()));
    packet.put(datagram);
}

// Nothing is read from it, so nothing should wait there.
void hear_nothing(int socket, bool is_v6) noexcept {
    if (is_v6) {
        icmp6_filter filter;
        ICMP6_FILTER_SETBLOCKALL(&filter);
        (void)::setsockopt(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
    } else {
        const std::uint32_t filter = ~0U;
        (void)::setsockopt(socket, SOL_RAW, kIcmpFilter, &filter, sizeof filter);
    }
}

}  // namespace

Result<int> Unreachable::socket_for(bool is_v6) noexcept {
    Fd& socket = is_v6 ? v6_ : v4_;
    if (!socket) {
        const int family = is_v6 ? AF_INET6 : AF_INET;
        const int protocol = is_v6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
        socket = Fd(::socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
        if (!socket) return Error::last("socket", "ICMP");
        hear_nothing(socket.get(), is_v6);
    }
    return socket.get();
}

bool Unreachable::may_tell() noexcept {
    const auto now = loop_.now();
    if (now - second_ >= std::chrono::seconds(1)) {
        second_ = now;
        told_ = 0;
    }
    return told_++ < kPerSecond;
}

Result<void> Unreachable::tell(const Address& client, const Address& host,
                               std::span<const std::byte> datagram) noexcept {
    URC_TRY(const int socket, socket_for(client.is_v6()));
    if (!may_tell()) return Error(EAGAIN, "send", client.text());
    datagram = datagram.first(std::min(datagram.size(), kQuotedMax));
    Packet packet;
    if (client.is_v6())
        write_v6(packet, client, host, datagram);
    else
        write_v4(packet, client, host, datagram);
    // For a raw socket of IPv6 it would be the protocol, and has to be none.
    Address to = client;
    to.set_port(0);
    iovec data{packet.from(0).data(), packet.from(0).size()};
    DatagramControl control;
    msghdr head{};
    head.msg_name = to.get();
    head.msg_namelen = to.size();
    head.msg_iov = &data;
    head.msg_iovlen = 1;
    put_host(head, control, host);
    if (::sendmsg(socket, &head, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return Error::last("send", client.text());
    return {};
}

}  // namespace urc::ports
