#include "core/ports/proxy_protocol.h"

#include <cstring>
#include <string>

#include "uring/check.h"

namespace urc::ports {

namespace {

std::string text_header(const Address& client, const Address& host) {
    if (client.is_v6() != host.is_v6()) return "PROXY UNKNOWN\r\n";
    return std::string("PROXY ") + (client.is_v6() ? "TCP6 " : "TCP4 ") + client.ip() + " " + host.ip() +
           " " + std::to_string(client.port()) + " " + std::to_string(host.port()) + "\r\n";
}

std::string binary_header(const Address& client, const Address& host) {
    std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
    header += '\x21';  // version 2, PROXY
    const bool is_known = client.is_v6() == host.is_v6();
    std::string addresses;
    const auto add = [&addresses](const void* data, std::size_t size) {
        addresses.append(static_cast<const char*>(data), size);
    };
    if (is_known && client.is_v6()) {
        add(&client.v6().sin6_addr, sizeof(in6_addr));
        add(&host.v6().sin6_addr, sizeof(in6_addr));
    } else if (is_known) {
        add(&client.v4().sin_addr, sizeof(in_addr));
        add(&host.v4().sin_addr, sizeof(in_addr));
    }
    if (is_known) {
        add(&client.v4().sin_port, sizeof(in_port_t));
        add(&host.v4().sin_port, sizeof(in_port_t));
    }
    header += !is_known ? '\0' : client.is_v6() ? '\x21' : '\x11';  // family and STREAM
    header += static_cast<char>(addresses.size() >> 8);
    header += static_cast<char>(addresses.size() & 0xff);
    return header + addresses;
}

}  // namespace

ProxyHeaderBytes::ProxyHeaderBytes(ProxyHeader version, const Address& client, const Address& host) {
    const std::string text = version == ProxyHeader::v1 ? text_header(client.unmapped(), host.unmapped())
                                                        : binary_header(client.unmapped(), host.unmapped());
    put(text.data(), text.size());
}

void ProxyHeaderBytes::put(const void* data, std::size_t size) noexcept {
    URC_CHECK(size_ + size <= bytes_.size());
    std::memcpy(bytes_.data() + size_, data, size);
    size_ += size;
}

}  // namespace urc::ports
