#include "core/ports/spec.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace urc::ports {
namespace {

std::vector<Spec> parsed(std::string_view text) {
    auto specs = parse_publish(text);
    EXPECT_TRUE(specs.ok()) << (specs.ok() ? "" : specs.error().text());
    return specs.ok() ? std::move(specs).value() : std::vector<Spec>(1);
}

Spec one(std::string_view text) {
    auto specs = parsed(text);
    EXPECT_EQ(specs.size(), 1U) << text;
    return specs.front();
}

std::string refused(std::string_view text) {
    auto specs = parse_publish(text);
    EXPECT_FALSE(specs.ok()) << text;
    return specs.ok() ? "" : specs.error().text();
}

TEST(PortSpec, TwoPortsAreHostAndChild) {
    const Spec spec = one("8080:80");
    EXPECT_EQ(spec.protocol, Protocol::tcp);
    EXPECT_EQ(spec.host_ip, "");
    EXPECT_EQ(spec.host_port, 8080);
    EXPECT_EQ(spec.child_ip, "");
    EXPECT_EQ(spec.child_port, 80);
    EXPECT_FALSE(spec.handover);
}

TEST(PortSpec, EveryPartCanBeGiven) {
    const Spec spec = one("127.0.0.2:8080:10.0.2.100:80/tcp4,handover");
    EXPECT_EQ(spec.protocol, Protocol::tcp4);
    EXPECT_EQ(spec.host_ip, "127.0.0.2");
    EXPECT_EQ(spec.host_port, 8080);
    EXPECT_EQ(spec.child_ip, "10.0.2.100");
    EXPECT_EQ(spec.child_port, 80);
    EXPECT_TRUE(spec.handover);
}

TEST(PortSpec, AMaximumIsOfEveryPortOfItsRange) {
    for (const Spec& spec : parsed("8000-8001:8000-8001/udp,max=100")) EXPECT_EQ(spec.max, 100);
    EXPECT_EQ(one("8080:80").max, 0);
}

TEST(PortSpec, ThreePartsAreReadByWhatStandsInTheMiddle) {
    EXPECT_EQ(one("127.0.0.1:8080:80").host_ip, "127.0.0.1");
    EXPECT_EQ(one("8080:127.0.0.1:80").child_ip, "127.0.0.1");
    EXPECT_EQ(one("8080:[fd00::2]:80").child_ip, "fd00::2");
    EXPECT_EQ(one(":8080:80").host_port, 8080);
}

TEST(PortSpec, AnIpv6AddressStandsInBracketsAndIsRewrittenInOneForm) {
    EXPECT_EQ(one("[::1]:8080:80").host_ip, "::1");
    EXPECT_EQ(one("[0:0::0001]:8080:80").host_ip, "::1");
    EXPECT_EQ(one("[::]:8080:[::1]:80/udp6").protocol, Protocol::udp6);
}

TEST(PortSpec, APortThatIsMissingOrZeroIsPicked) {
    EXPECT_EQ(one(":80").host_port, 0);
    EXPECT_EQ(one("0:80").host_port, 0);
    EXPECT_EQ(one("127.0.0.1::80").host_ip, "127.0.0.1");
    EXPECT_EQ(one("::80").child_port, 80);
    EXPECT_EQ(parsed(":80-82").size(), 3U);
}

TEST(PortSpec, ARangeIsOneSpecForEachPort) {
    const auto specs = parsed("8000-8010:9000-9010/udp");
    ASSERT_EQ(specs.size(), 11U);
    EXPECT_EQ(specs.front().host_port, 8000);
    EXPECT_EQ(specs.front().child_port, 9000);
    EXPECT_EQ(specs.back().host_port, 8010);
    EXPECT_EQ(specs.back().child_port, 9010);
    EXPECT_EQ(specs.back().protocol, Protocol::udp);
    EXPECT_EQ(parsed("1-65535:1-65535").size(), 65535U);
}

TEST(PortSpec, WhatIsWrongIsSaidInOneLineThatNamesTheText) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "HOSTPORT:PORT"},
        {"80", "HOSTPORT:PORT"},
        {"8080:", "child's port"},
        {"8080:0", "child's port is 0"},
        {"65536:80", "host's port"},
        {"8080:65536", "child's port"},
        {"8080:-1", "child's port"},
        {"+80:80", "host's port"},
        {" 80:80", "host's port"},
        {"0x50:80", "host's port"},
        {"8080:80/", "protocol"},
        {"8080:80/sctp", "protocol"},
        {"8080:80/TCP", "protocol"},
        {"8080:80/tcp/udp", "protocol"},
        {"8080:80,", "handover"},
        {"8080:80,handover,handover", "handover"},
        {"8080:80/udp,handover", "TCP"},
        {"8080:80,max=", "1 to 65535"},
        {"8080:80,max=0", "1 to 65535"},
        {"8080:80,max=65536", "1 to 65535"},
        {"8080:80,max=-1", "1 to 65535"},
        {"8080:80,max=1,max=2", "twice"},
        {"8080:80,max=1,handover", "counts"},
        {"8000-8010:8000-8009", "one length"},
        {"8000-8010:80", "one length"},
        {"8010-8000:8010-8000", "host's port"},
        {"0-3:0-3", "host's port"},
        {"80-:80", "host's port"},
        {"-:80", "host's port"},
        {"1.2.3:8080:80", "address"},
        {"1.2.3.4.5:8080:80", "address"},
        {"256.0.0.1:8080:80", "address"},
        {"01.2.3.4:8080:80", "address"},
        {"localhost:8080:80", "address"},
        {"::1:8080:80", "needs brackets"},
        {"fe80::1:8080:80", "needs brackets"},
        {"[::1:8080:80", "brackets"},
        {"[::1]8080:80", "brackets"},
        {"[127.0.0.1]:8080:80", "brackets"},
        {"[]:8080:80", "brackets"},
        {"8080:80]", "brackets"},
        {"[fe80::1%eth0]:8080:80", "zone"},
        {"127.0.0.1:8080:80/tcp6", "family"},
        {"[::1]:8080:80/udp4", "family"},
        {"8080:0.0.0.0:80", "nothing can be sent"},
        {"1.1.1.1:80:1.1.1.1:80:80", "is not [HOSTIP:]"},
    };
    for (const auto& [text, reason] : cases) {
        const std::string line = refused(text);
        EXPECT_NE(line.find(reason), line.npos) << text << " gave: " << line;
        EXPECT_NE(line.find(text), line.npos) << line;
        EXPECT_EQ(line.find('\n'), line.npos) << line;
    }
}

TEST(PortSpec, ARefusalStaysOneLineWhateverTheTextHolds) {
    const std::string line = refused("80\n:80\x1b[31m" + std::string(1000, 'x'));
    EXPECT_EQ(line.find('\n'), line.npos);
    EXPECT_EQ(line.find('\x1b'), line.npos);
    EXPECT_LT(line.size(), 300U);
    EXPECT_FALSE(parse_publish(std::string_view("127.0.0.1\0x:80:80", 17)).ok());
}

TEST(PortSpec, OverlapIsOnePortOfOneAddressAndOneTransport) {
    const auto overlap = [](const char* a, const char* b) {
        EXPECT_EQ(overlaps(one(a), one(b)), overlaps(one(b), one(a))) << a << " " << b;
        return overlaps(one(a), one(b));
    };
    EXPECT_TRUE(overlap("80:80", "80:81"));
    EXPECT_TRUE(overlap("127.0.0.1:80:80", "127.0.0.1:80:81/tcp4"));
    EXPECT_TRUE(overlap("127.0.0.1:80:80", "0.0.0.0:80:80"));
    EXPECT_TRUE(overlap("127.0.0.1:80:80", "80:80"));
    EXPECT_TRUE(overlap("127.0.0.1:80:80", "[::]:80:80"));
    EXPECT_FALSE(overlap("127.0.0.1:80:80", "[::]:80:80/tcp6"));
    EXPECT_FALSE(overlap("80:80/tcp4", "80:80/tcp6"));
    EXPECT_FALSE(overlap("80:80/tcp", "80:80/udp"));
    EXPECT_FALSE(overlap("127.0.0.1:80:80", "127.0.0.2:80:80"));
    EXPECT_FALSE(overlap("80:80", "81:80"));
    EXPECT_FALSE(overlap(":80", ":80"));
    const Spec specs[] = {one("80:80"), one("81:80"), one("127.0.0.1:81:82")};
    const auto checked_specs = check_overlaps(specs);
    ASSERT_FALSE(checked_specs.ok());
    EXPECT_EQ(checked_specs.error().text(),
              "publish: 127.0.0.1:81 -> *:82/tcp: has a port in common with *:81 -> *:80/tcp");
}

TEST(PortSpec, ASpecInPiecesIsCheckedTheSameWay) {
    Spec spec;
    spec.host_ip = "::0001";
    spec.child_port = 80;
    auto good = checked(spec);
    ASSERT_TRUE(good.ok());
    EXPECT_EQ(good->host_ip, "::1");
    spec.child_port = 0;
    EXPECT_FALSE(checked(spec).ok());
    spec.child_port = 80;
    spec.host_ip = "host";
    EXPECT_FALSE(checked(spec).ok());
}

}  // namespace
}  // namespace urc::ports
