#include "core/ports/listen.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>

#include "core/ports/address.h"
#include "uring/file.h"

namespace urc::ports {

namespace {

// The kernel cuts it to net.core.somaxconn.
constexpr int kBacklog = 4096;

// A client that has vanished holds two descriptors until it is missed.
constexpr int kKeepAliveIdleS = 60;
constexpr int kKeepAliveIntervalS = 15;

struct Place {
    std::string ip;
    bool is_dual = false;
};

Place place_of(const Spec& spec) {
    const bool is_v4 = spec.protocol == Protocol::tcp4 || spec.protocol == Protocol::udp4;
    const bool is_v6 = spec.protocol == Protocol::tcp6 || spec.protocol == Protocol::udp6;
    if (spec.host_ip.empty() && is_v4) return {"0.0.0.0", false};
    if (spec.host_ip.empty() || spec.host_ip == "::") return {"::", !is_v6};
    return {spec.host_ip, false};
}

void set(int socket, int level, int option, int value) {
    (void)::setsockopt(socket, level, option, &value, sizeof value);
}

// Errors are those of the calls.
Result<Fd> bind_at(const Place& place, const Spec& spec) {
    URC_TRY(const Address address, Address::of(place.ip, spec.host_port));
    const int type = is_tcp(spec.protocol) ? SOCK_STREAM : SOCK_DGRAM;
    Fd socket(::socket(address.get()->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return Error::last("socket");
    if (address.is_v6()) set(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, !place.is_dual);
    if (is_tcp(spec.protocol)) {
        // Connections that are still in TIME_WAIT do not matter. On UDP it would let two share a port.
        set(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
        // What is accepted inherits these.
        set(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
        set(socket.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
        set(socket.get(), IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleS);
        set(socket.get(), IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalS);
    }
    if (::bind(socket.get(), address.get(), address.size()) < 0) return Error::last("bind");
    if (is_tcp(spec.protocol) && ::listen(socket.get(), kBacklog) < 0) return Error::last("listen");
    return socket;
}

std::string privileged_ports() {
    auto text = read_file_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start");
    std::string first = text.ok() ? *text : "1024";
    while (!first.empty() && first.back() == '\n') first.pop_back();
    return first;
}

Error explain(const Error& error, const Spec& spec) {
    const std::string where = "publish: " + spec_text(spec) + ": ";
    if (error.code() == EADDRINUSE)
        return Error::message(where + "the port is in use" + describe_holder(spec), EADDRINUSE);
    if (error.code() == EACCES)
        return Error::message(where + "ports below net.ipv4.ip_unprivileged_port_start (" +
                                  privileged_ports() + ") take CAP_NET_BIND_SERVICE",
                              EACCES);
    if (error.code() == EADDRNOTAVAIL)
        return Error::message(where + "the host has no such address", EADDRNOTAVAIL);
    return Error(error.code(), "publish", spec_text(spec));
}

}  // namespace

Result<Fd> bind_host_port(Spec& spec) {
    const Place place = place_of(spec);
    auto socket = bind_at(place, spec);
    const bool has_no_v6 =
        !socket.ok() && (socket.error().code() == EAFNOSUPPORT || socket.error().code() == EADDRNOTAVAIL);
    if (has_no_v6 && place.is_dual && spec.host_ip.empty()) socket = bind_at({"0.0.0.0", false}, spec);
    if (!socket.ok()) return explain(socket.error(), spec);
    Address bound;
    socklen_t size = Address::kSizeMax;
    if (::getsockname(socket.value().get(), bound.get(), &size) < 0) return Error::last("getsockname");
    spec.host_port = bound.port();
    return socket;
}

}  // namespace urc::ports
