// The PROXY protocol: a header in front of a connection's bytes that tells the application who the client is,
// versions 1 (text) and 2 (binary), as haproxy's proxy-protocol.txt describes them. For TCP.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ports/address.h"

namespace urc::ports {

enum class ProxyHeader : std::uint8_t { none, v1, v2 };

// The bytes of one header. 107 is what version 1 may take.
class ProxyHeaderBytes {
public:
    // The addresses of the accepted connection. `unknown` when the families differ.
    ProxyHeaderBytes(ProxyHeader version, const Address& client, const Address& host);

    std::span<const std::byte> bytes() const noexcept { return std::span(bytes_).first(size_); }

private:
    void put(const void* data, std::size_t size) noexcept;

    std::array<std::byte, 108> bytes_;
    std::size_t size_ = 0;
};

}  // namespace urc::ports
