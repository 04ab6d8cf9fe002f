// A network namespace of its own to publish ports of, and sockets that live in it.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "tests/uring/loop_fixture.h"

namespace urc::ports {

// Opened before any test counts its descriptors.
inline const int own_network = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

// The calling process is in `network_namespace` as long as this lives.
class Inside {
public:
    explicit Inside(int network_namespace) { EXPECT_EQ(::setns(network_namespace, CLONE_NEWNET), 0); }
    ~Inside() { EXPECT_EQ(::setns(own_network, CLONE_NEWNET), 0); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
};

class NetworkTest : public LoopTest {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "making a network namespace needs root";
        LoopTest::SetUp();
        if (IsSkipped()) return;
        if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "no network namespace to be had";
        network_ = Fd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
        ifreq request{};
        std::strcpy(request.ifr_name, "lo");
        request.ifr_flags = IFF_UP;
        Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0);
        EXPECT_EQ(::setns(own_network, CLONE_NEWNET), 0);
    }
    void TearDown() override {
        network_.reset();
        LoopTest::TearDown();
    }

    int network() const { return network_.get(); }

private:
    Fd network_;
};

union AnyAddress {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
};

inline AnyAddress address_of(const std::string& ip, std::uint16_t port) {
    AnyAddress address;
    std::memset(&address, 0, sizeof address);
    if (ip.find(':') == ip.npos) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
        EXPECT_EQ(::inet_pton(AF_INET, ip.c_str(), &address.v4.sin_addr), 1);
    } else {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(port);
        EXPECT_EQ(::inet_pton(AF_INET6, ip.c_str(), &address.v6.sin6_addr), 1);
    }
    return address;
}

inline std::uint16_t port_of(int socket) {
    AnyAddress address;
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(socket, &address.any, &size), 0);
    return ntohs(address.v4.sin_port);
}

// Bound to a port that is free unless one is given, and listening when it is a stream.
inline Fd serve_at(const std::string& ip, int type = SOCK_STREAM, std::uint16_t port = 0) {
    AnyAddress address = address_of(ip, port);
    Fd socket(::socket(address.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_EQ(::bind(socket.get(), &address.any, sizeof address), 0) << errno;
    if (type == SOCK_STREAM) {
        EXPECT_EQ(::listen(socket.get(), 1000), 0);
    }
    return socket;
}

inline Fd connect_to(const std::string& ip, std::uint16_t port, int type = SOCK_STREAM) {
    AnyAddress address = address_of(ip, port);
    Fd socket(::socket(address.any.sa_family, type | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), &address.any, sizeof address), 0) << errno;
    return socket;
}

}  // namespace urc::ports
