// The messages of rtnetlink: what we write is aligned and bounded, what we read is believed no length.
#include "core/network/netlink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>

#include <memory>
#include <random>
#include <string>

#include "core/network/devices.h"

namespace urc::network {
namespace {

TEST(NetlinkRequest, AlignsAttributesAndEndsNames) {
    Request request(RTM_GETLINK, NLM_F_ACK, ifinfomsg{});
    const std::uint32_t number = 7;
    request.add_name(IFLA_IFNAME, "eth10");
    request.add(IFLA_EXT_MASK, &number, sizeof number);
    const nlmsghdr* head = request.header();
    EXPECT_EQ(head->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
    EXPECT_EQ(head->nlmsg_len, NLMSG_LENGTH(sizeof(ifinfomsg)) + 12 + 8);
    const Attributes attributes(*head, sizeof(ifinfomsg));
    EXPECT_EQ(attributes.find(IFLA_IFNAME), std::string_view("eth10\0", 6));
    EXPECT_EQ(attributes.find(IFLA_EXT_MASK), std::string_view("\7\0\0\0", 4));
    EXPECT_EQ(attributes.find(IFLA_MTU), "");
}

TEST(NetlinkRequest, HasRoomForNoMoreThanItHas) {
    const std::string big(600, 'x');
    EXPECT_DEATH(
        {
            Request request(RTM_GETLINK, 0, ifinfomsg{});
            request.add(IFLA_IFNAME, big.data(), big.size());
        },
        "");
    EXPECT_DEATH(
        {
            Request request(RTM_GETLINK, 0, ifinfomsg{});
            request.add_name(IFLA_IFNAME, big);
        },
        "");
}

// Every length that an attribute may claim, in a message that ends where its buffer does: under ASan a step
// beyond it would be seen.
TEST(NetlinkAttributes, StayWithinTheMessageWhateverLengthsItClaims) {
    std::mt19937 random(1);
    int seen = 0;
    for (int round = 0; round < 200'000; ++round) {
        const std::size_t size = NLMSG_LENGTH(sizeof(ifaddrmsg)) + random() % 40;
        auto bytes = std::make_unique<char[]>(size);
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(random() % 2 ? 0 : random() % 12);
        auto* head = reinterpret_cast<nlmsghdr*>(bytes.get());
        head->nlmsg_len = static_cast<std::uint32_t>(size);
        const Attributes attributes(*head, sizeof(ifaddrmsg));
        for (std::uint16_t type = 0; type < 12; ++type) {
            const std::string_view found = attributes.find(type);
            if (found.empty()) continue;
            ++seen;
            EXPECT_GE(found.data(), bytes.get() + NLMSG_LENGTH(sizeof(ifaddrmsg)));
            EXPECT_LE(found.data() + found.size(), bytes.get() + size);
        }
    }
    EXPECT_GT(seen, 1000);
}

TEST(NetlinkAttributes, OfAMessageShorterThanItsBodyThereAreNone) {
    nlmsghdr head{};
    head.nlmsg_len = NLMSG_HDRLEN;
    EXPECT_EQ(Attributes(head, sizeof(ifaddrmsg)).find(0), "");
}

TEST(NetlinkSocket, TellsWhatTheKernelSays) {
    auto socket = Socket::open();
    ASSERT_TRUE(socket.ok()) << socket.error().text();
    Request request(RTM_GETLINK, 0, ifinfomsg{});
    request.add_name(IFLA_IFNAME, "urc-not-there");
    auto asked = socket->ask(request, "find", "urc-not-there", [](const nlmsghdr&) { FAIL(); });
    ASSERT_FALSE(asked.ok());
    EXPECT_EQ(asked.error().text(), "find: urc-not-there: No such device");
    // The socket is good for the next question, and a dump ends by itself.
    int links = 0;
    Request dump(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
    auto listed = socket->ask(dump, "list", "links", [&](const nlmsghdr& message) {
        if (message.nlmsg_type == RTM_NEWLINK) ++links;
    });
    EXPECT_TRUE(listed.ok());
    EXPECT_GE(links, 1);
}

TEST(NetworkDevices, AreNotMovedToWhereTheyAre) {
    Fd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    auto moved = move_devices({{"lo", ""}}, own.get());
    ASSERT_FALSE(moved.ok());
    EXPECT_EQ(moved.error().text(), "linux.netDevices: the container's network namespace is urc's own");
}

}  // namespace
}  // namespace urc::network
