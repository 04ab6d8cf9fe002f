#include "core/notify/address.h"

#include <gtest/gtest.h>
#include <linux/vm_sockets.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "core/notify/proxy.h"

namespace urc::notify {
namespace {

sockaddr_un unix_part(const Address& address) {
    sockaddr_un part;
    std::memcpy(&part, &address.socket_address, sizeof part);
    return part;
}
sockaddr_vm vsock_part(const Address& address) {
    sockaddr_vm part;
    std::memcpy(&part, &address.socket_address, sizeof part);
    return part;
}

TEST(Address, OfAPathCountsItsNul) {
    auto address = parse_address("/run/systemd/notify");
    ASSERT_TRUE(address.ok());
    EXPECT_STREQ(unix_part(*address).sun_path, "/run/systemd/notify");
    EXPECT_EQ(address->size, offsetof(sockaddr_un, sun_path) + 20);
    EXPECT_TRUE(address->carries_fds());
}

TEST(Address, OfAnAbstractNameBeginsWithNulAndEndsWithItsLastByte) {
    auto address = parse_address("@abc");
    ASSERT_TRUE(address.ok());
    EXPECT_EQ(std::memcmp(unix_part(*address).sun_path, "\0abc", 4), 0);
    EXPECT_EQ(address->size, offsetof(sockaddr_un, sun_path) + 4);
}

TEST(Address, OfVsockHasTheTypesOfItsPrefix) {
    const struct {
        const char* text;
        int type, second_type;
    } cases[] = {{"vsock:2:1234", SOCK_DGRAM, SOCK_SEQPACKET},
                 {"vsock-dgram:2:1234", SOCK_DGRAM, 0},
                 {"vsock-seqpacket:2:1234", SOCK_SEQPACKET, 0},
                 {"vsock-stream:2:1234", SOCK_STREAM, 0}};
    for (const auto& each : cases) {
        auto address = parse_address(each.text);
        ASSERT_TRUE(address.ok()) << each.text;
        EXPECT_EQ(address->type, each.type);
        EXPECT_EQ(address->second_type, each.second_type);
        EXPECT_EQ(vsock_part(*address).svm_family, AF_VSOCK);
        EXPECT_EQ(vsock_part(*address).svm_cid, 2U);
        EXPECT_EQ(vsock_part(*address).svm_port, 1234U);
        EXPECT_FALSE(address->carries_fds());
    }
}

TEST(Address, TakesTheLongestNamesAndRefusesLongerOnes) {
    EXPECT_TRUE(check_upstream("/" + std::string(106, 'a')).ok());
    EXPECT_FALSE(check_upstream("/" + std::string(107, 'a')).ok());
    EXPECT_TRUE(check_upstream("@" + std::string(107, 'a')).ok());
    EXPECT_FALSE(check_upstream("@" + std::string(108, 'a')).ok());
}

TEST(Address, ThatIsMalformedIsRefusedInOneLineThatNamesIt) {
    const struct {
        std::string_view text, reason;
    } cases[] = {
        {"", "NOTIFY_SOCKET: is empty"},
        {"run/notify", "NOTIFY_SOCKET: run/notify: is none of /path, @name, vsock:CID:PORT"},
        {"unix:/run/notify", "NOTIFY_SOCKET: unix:/run/notify: is none of /path, @name, vsock:CID:PORT"},
        {"@", "NOTIFY_SOCKET: @: the abstract name is empty"},
        {std::string_view("/a\0b", 4), "NOTIFY_SOCKET: /a?b: has a NUL in it"},
        {"x\ny", "NOTIFY_SOCKET: x?y: is none of /path, @name, vsock:CID:PORT"},
        {"vsock:", "NOTIFY_SOCKET: vsock:: is not CID:PORT behind vsock:"},
        {"vsock-stream:5", "NOTIFY_SOCKET: vsock-stream:5: is not CID:PORT behind vsock-stream:"},
        {"vsock::1", "NOTIFY_SOCKET: vsock::1: the CID is not that of a machine"},
        {"vsock:4294967295:1", "NOTIFY_SOCKET: vsock:4294967295:1: the CID is not that of a machine"},
        {"vsock:-1:1", "NOTIFY_SOCKET: vsock:-1:1: the CID is not that of a machine"},
        {"vsock:2:", "NOTIFY_SOCKET: vsock:2:: the port is not a number below 4294967295"},
        {"vsock:2:4294967295",
         "NOTIFY_SOCKET: vsock:2:4294967295: the port is not a number below 4294967295"},
        {"vsock:2:1:3", "NOTIFY_SOCKET: vsock:2:1:3: the port is not a number below 4294967295"},
        {"vsock:2:1x", "NOTIFY_SOCKET: vsock:2:1x: the port is not a number below 4294967295"},
    };
    for (const auto& each : cases) {
        auto checked = check_upstream(each.text);
        ASSERT_FALSE(checked.ok()) << each.text;
        EXPECT_EQ(checked.error().text(), each.reason);
    }
}

}  // namespace
}  // namespace urc::notify
