#include "core/ports/address.h"

#include <gtest/gtest.h>

#include <string>

#include "core/ports/proxy_protocol.h"

namespace urc::ports {
namespace {

Spec spec_of(const char* text) {
    auto specs = parse_publish(text);
    EXPECT_TRUE(specs.ok()) << text;
    return specs.ok() ? specs.value().front() : Spec();
}

Address address(const char* ip, std::uint16_t port) {
    auto made = Address::of(ip, port);
    EXPECT_TRUE(made.ok()) << ip;
    return made.ok() ? made.value() : Address();
}

TEST(ChildAddress, IsTheSpecsOwnOrFollowsRootlesskitsRule) {
    const auto chosen = [](const char* text) { return choose_child_address(spec_of(text), "192.0.2.1"); };
    EXPECT_EQ(chosen("127.0.0.2:80:10.0.2.100:80"), "10.0.2.100");
    EXPECT_EQ(chosen("80:80"), "127.0.0.1");
    EXPECT_EQ(chosen("0.0.0.0:80:80"), "127.0.0.1");
    EXPECT_EQ(chosen("192.0.2.1:80:80"), "127.0.0.1") << "the host's first address";
    EXPECT_EQ(chosen("192.0.2.2:80:80"), "192.0.2.2") << "CNI's rules are for that one";
    EXPECT_EQ(chosen("127.0.0.2:80:80"), "127.0.0.2");
    EXPECT_EQ(chosen("[::]:80:80"), "127.0.0.1");
    EXPECT_EQ(chosen("[::]:80:80/tcp6"), "::1");
    EXPECT_EQ(chosen("[::1]:80:80"), "::1");
}

TEST(ChildAddress, WithoutRulesInsideOnlyALoopbackAddressIsLookedForInThere) {
    const auto chosen = [](const char* text) { return choose_child_address(spec_of(text)); };
    EXPECT_EQ(chosen("192.0.2.2:80:80"), "127.0.0.1");
    EXPECT_EQ(chosen("127.0.0.2:80:80"), "127.0.0.2");
    EXPECT_EQ(chosen("[2001:db8::1]:80:80/udp6"), "::1");
    EXPECT_EQ(chosen("80:10.0.2.100:80"), "10.0.2.100");
}

TEST(PortAddress, KnowsLoopbackInEveryForm) {
    EXPECT_TRUE(address("127.8.9.1", 1).is_loopback());
    EXPECT_TRUE(address("::1", 1).is_loopback());
    EXPECT_TRUE(address("::ffff:127.0.0.1", 1).is_loopback());
    EXPECT_FALSE(address("::ffff:10.0.0.1", 1).is_loopback());
    EXPECT_FALSE(address("128.0.0.1", 1).is_loopback());
    EXPECT_EQ(address("::ffff:10.0.0.1", 7).unmapped().text(), "10.0.0.1:7");
    EXPECT_EQ(address("::2", 7).text(), "[::2]:7");
    EXPECT_FALSE(Address::of("1.2.3", 1).ok());
}

TEST(PortAddress, IsEqualByFamilyAddressAndPort) {
    EXPECT_TRUE(address("10.0.0.1", 1) == address("10.0.0.1", 1));
    EXPECT_FALSE(address("10.0.0.1", 1) == address("10.0.0.1", 2));
    EXPECT_FALSE(address("10.0.0.1", 1) == address("10.0.0.2", 1));
    EXPECT_FALSE(address("::1", 1) == address("127.0.0.1", 1));
    EXPECT_EQ(address("::1", 1).hash(), address("::1", 1).hash());
    EXPECT_NE(address("::1", 1).hash(), address("::1", 2).hash());
}

std::string header(ProxyHeader version, const Address& client, const Address& host) {
    const ProxyHeaderBytes bytes(version, client, host);
    return {reinterpret_cast<const char*>(bytes.bytes().data()), bytes.bytes().size()};
}

TEST(ProxyProtocol, VersionOneIsALine) {
    EXPECT_EQ(header(ProxyHeader::v1, address("192.0.2.9", 50000), address("10.1.1.1", 80)),
              "PROXY TCP4 192.0.2.9 10.1.1.1 50000 80\r\n");
    EXPECT_EQ(header(ProxyHeader::v1, address("2001:db8::9", 1), address("2001:db8::1", 65535)),
              "PROXY TCP6 2001:db8::9 2001:db8::1 1 65535\r\n");
    EXPECT_EQ(header(ProxyHeader::v1, address("::ffff:192.0.2.9", 1), address("::ffff:10.1.1.1", 2)),
              "PROXY TCP4 192.0.2.9 10.1.1.1 1 2\r\n");
    // The longest that there is has to fit.
    const char* longest = "fd00:1111:2222:3333:4444:5555:6666:7777";
    EXPECT_EQ(header(ProxyHeader::v1, address(longest, 65535), address(longest, 65535)).size(), 104U);
}

TEST(ProxyProtocol, VersionTwoIsBinary) {
    const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
    EXPECT_EQ(
        header(ProxyHeader::v2, address("1.2.3.4", 0x0506), address("7.8.9.10", 0x0b0c)),
        signature + std::string("\x21\x11\x00\x0c\x01\x02\x03\x04\x07\x08\x09\x0a\x05\x06\x0b\x0c", 16));
    const std::string six = header(ProxyHeader::v2, address("::1", 1), address("::2", 2));
    EXPECT_EQ(six.substr(12, 4), std::string("\x21\x21\x00\x24", 4));
    EXPECT_EQ(six.size(), 16U + 36U);
}

}  // namespace
}  // namespace urc::ports
