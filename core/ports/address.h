// Addresses of IPv4 and IPv6, and which of them in the container a port leads to.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/ports/spec.h"
#include "uring/result.h"

namespace urc::ports {

class Address {
public:
    Address() noexcept : storage_{} {}

    // `ip` as in a Spec. EINVAL when it is none.
    static Result<Address> of(std::string_view ip, std::uint16_t port);

    const sockaddr* get() const noexcept { return &storage_.any; }
    sockaddr* get() noexcept { return &storage_.any; }
    socklen_t size() const noexcept { return is_v6() ? sizeof storage_.v6 : sizeof storage_.v4; }
    static constexpr socklen_t kSizeMax = sizeof(sockaddr_in6);

    bool is_v6() const noexcept { return storage_.any.sa_family == AF_INET6; }
    // 127.0.0.0/8, ::1, and the former as IPv6 writes it.
    bool is_loopback() const noexcept;
    std::uint16_t port() const noexcept { return ntohs(storage_.v4.sin_port); }  // at one place in both
    void set_port(std::uint16_t port) noexcept { storage_.v4.sin_port = htons(port); }
    // An IPv4 client of a dual-stack socket by its IPv4 address.
    Address unmapped() const noexcept;

    std::string ip() const;
    std::string text() const { return address_text(ip(), port()); }

    const sockaddr_in& v4() const noexcept { return storage_.v4; }
    sockaddr_in& v4() noexcept { return storage_.v4; }
    const sockaddr_in6& v6() const noexcept { return storage_.v6; }
    sockaddr_in6& v6() noexcept { return storage_.v6; }

    bool operator==(const Address& other) const noexcept;
    std::size_t hash() const noexcept;

private:
    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    } storage_;
};

// rootlesskit's rule, which CNI's rules for published ports rely on: the spec's own child address; else the
// host's address that was asked for, when it is one in particular and not the host's first (127.0.0.2 leads
// to 127.0.0.2 inside); else the loopback address. `::` leads there, too.
std::string choose_child_address(const Spec& spec, std::string_view host_gateway_ip);

// For who has no such rules inside: only a loopback address of the host is also looked for in there.
std::string choose_child_address(const Spec& spec);

// The host's first IPv4 address that is no loopback address, by the order of its interfaces; empty: none.
std::string find_host_gateway_ip();

}  // namespace urc::ports
