#include "core/ports/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>

#include <array>
#include <cstring>

namespace urc::ports {

Result<Address> Address::of(std::string_view ip, std::uint16_t port) {
    Address address;
    const std::string text(ip);
    int known = 0;
    if (ip.find(':') == ip.npos) {
        address.storage_.v4.sin_family = AF_INET;
        known = ::inet_pton(AF_INET, text.c_str(), &address.storage_.v4.sin_addr);
    } else {
        address.storage_.v6.sin6_family = AF_INET6;
        known = ::inet_pton(AF_INET6, text.c_str(), &address.storage_.v6.sin6_addr);
    }
    if (known != 1) return Error(EINVAL, "address", text);
    address.set_port(port);
    return address;
}

Address Address::unmapped() const noexcept {
    if (!is_v6() || !IN6_IS_ADDR_V4MAPPED(&storage_.v6.sin6_addr)) return *this;
    Address address;
    address.storage_.v4.sin_family = AF_INET;
    address.storage_.v4.sin_port = storage_.v6.sin6_port;
    std::memcpy(&address.storage_.v4.sin_addr, &storage_.v6.sin6_addr.s6_addr[12], sizeof(in_addr));
    return address;
}

bool Address::is_loopback() const noexcept {
    const Address address = unmapped();
    if (address.is_v6()) return IN6_IS_ADDR_LOOPBACK(&address.storage_.v6.sin6_addr);
    return ntohl(address.storage_.v4.sin_addr.s_addr) >> 24 == 127;
}

std::string Address::ip() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (is_v6())
        ::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text.data(), text.size());
    else
        ::inet_ntop(AF_INET, &storage_.v4.sin_addr, text.data(), text.size());
    return text.data();
}

bool Address::operator==(const Address& other) const noexcept {
    if (is_v6() != other.is_v6() || port() != other.port()) return false;
    if (!is_v6()) return storage_.v4.sin_addr.s_addr == other.storage_.v4.sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&storage_.v6.sin6_addr, &other.storage_.v6.sin6_addr) &&
           storage_.v6.sin6_scope_id == other.storage_.v6.sin6_scope_id;
}

std::size_t Address::hash() const noexcept {
    // splitmix64's mixing, over what differs between clients.
    std::uint64_t value = port();
    const auto mix = [&value](std::uint64_t more) {
        value += more + 0x9e3779b97f4a7c15ULL;
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
        value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    };
    if (is_v6()) {
        std::array<std::uint64_t, 2> halves;
        std::memcpy(halves.data(), &storage_.v6.sin6_addr, sizeof halves);
        mix(halves[0]);
        mix(halves[1]);
    } else {
        mix(storage_.v4.sin_addr.s_addr);
    }
    return static_cast<std::size_t>(value ^ (value >> 31));
}

namespace {

std::string loopback_for(const Spec& spec) {
    const bool is_v6 = spec.protocol == Protocol::tcp6 || spec.protocol == Protocol::udp6;
    return is_v6 ? "::1" : "127.0.0.1";
}

bool is_every_address(const Spec& spec) {
    return spec.host_ip.empty() || spec.host_ip == "0.0.0.0" || spec.host_ip == "::";
}

}  // namespace

std::string choose_child_address(const Spec& spec, std::string_view host_gateway_ip) {
    if (!spec.child_ip.empty()) return spec.child_ip;
    if (is_every_address(spec) || spec.host_ip == host_gateway_ip) return loopback_for(spec);
    return spec.host_ip;
}

std::string choose_child_address(const Spec& spec) {
    if (!spec.child_ip.empty()) return spec.child_ip;
    const auto address = Address::of(spec.host_ip, 0);
    return address.ok() && address.value().is_loopback() ? spec.host_ip : loopback_for(spec);
}

std::string find_host_gateway_ip() {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) < 0) return {};
    std::string found;
    for (const ifaddrs* entry = list; entry && found.empty(); entry = entry->ifa_next) {
        if (!entry->ifa_addr || entry->ifa_addr->sa_family != AF_INET) continue;
        Address address;
        std::memcpy(address.get(), entry->ifa_addr, sizeof(sockaddr_in));
        if (!address.is_loopback()) found = address.ip();
    }
    ::freeifaddrs(list);
    return found;
}

}  // namespace urc::ports
