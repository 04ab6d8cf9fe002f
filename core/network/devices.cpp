#include "core/network/devices.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/stat.h>

#include <optional>
#include <string>

#include "core/network/netlink.h"
#include "uring/file.h"

namespace urc::network {

namespace {

struct Address {
    ifaddrmsg head{};
    std::string address, local, broadcast;  // raw; empty: none
    std::uint32_t flags = 0;                // IFA_F_*
};

const std::string& name_inside(const spec::NetDevice& device) {
    return device.name.empty() ? device.host_name : device.name;
}

Result<int> find_link(Socket& socket, const std::string& name, std::string_view step) {
    ifinfomsg body{};
    Request request(RTM_GETLINK, 0, body);
    request.add_name(IFLA_IFNAME, name);
    const std::uint32_t filter = RTEXT_FILTER_SKIP_STATS;
    request.add(IFLA_EXT_MASK, &filter, sizeof filter);
    int index = 0;
    URC_TRY_VOID(socket.ask(request, step, name, [&](const nlmsghdr& message) {
        if (message.nlmsg_type != RTM_NEWLINK || message.nlmsg_len < NLMSG_LENGTH(sizeof body)) return;
        std::memcpy(&body, reinterpret_cast<const char*>(&message) + NLMSG_HDRLEN, sizeof body);
        index = body.ifi_index;
    }));
    if (index <= 0) return Error(EBADMSG, step, name);
    return index;
}

Result<void> set_up(Socket& socket, int index, const std::string& name) {
    ifinfomsg body{};
    body.ifi_index = index;
    body.ifi_flags = body.ifi_change = IFF_UP;
    Request request(RTM_NEWLINK, 0, body);
    return socket.ask(request, "set up", name);
}

std::optional<Address> read_address(const nlmsghdr& message, int index) {
    Address address;
    if (message.nlmsg_type != RTM_NEWADDR || message.nlmsg_len < NLMSG_LENGTH(sizeof address.head)) return {};
    std::memcpy(&address.head, reinterpret_cast<const char*>(&message) + NLMSG_HDRLEN, sizeof address.head);
    const Attributes attributes(message, sizeof address.head);
    address.flags = address.head.ifa_flags;
    if (std::string_view flags = attributes.find(IFA_FLAGS); flags.size() == sizeof address.flags)
        std::memcpy(&address.flags, flags.data(), sizeof address.flags);
    const bool comes_along = static_cast<int>(address.head.ifa_index) == index &&
                             address.head.ifa_scope == RT_SCOPE_UNIVERSE && address.flags & IFA_F_PERMANENT;
    if (!comes_along) return {};
    constexpr std::size_t kAddressMax = 16;
    for (auto [type, into] : {std::pair{IFA_ADDRESS, &address.address},
                              {IFA_LOCAL, &address.local},
                              {IFA_BROADCAST, &address.broadcast}})
        if (std::string_view bytes = attributes.find(static_cast<std::uint16_t>(type));
            bytes.size() <= kAddressMax)
            *into = bytes;
    return address;
}

Result<std::vector<Address>> read_addresses(Socket& socket, int index, const std::string& name) {
    std::vector<Address> addresses;
    Request request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
    URC_TRY_VOID(socket.ask(request, "read the addresses of", name, [&](const nlmsghdr& message) {
        if (auto address = read_address(message, index)) addresses.push_back(std::move(*address));
    }));
    return addresses;
}

Result<void> add_address(Socket& socket, int index, const Address& address, const std::string& name) {
    ifaddrmsg head = address.head;
    head.ifa_index = static_cast<std::uint32_t>(index);
    head.ifa_flags = static_cast<std::uint8_t>(address.flags);
    Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, head);
    for (auto [type, bytes] : {std::pair{IFA_ADDRESS, &address.address},
                               {IFA_LOCAL, &address.local},
                               {IFA_BROADCAST, &address.broadcast}})
        if (!bytes->empty()) request.add(static_cast<std::uint16_t>(type), bytes->data(), bytes->size());
    request.add(IFA_FLAGS, &address.flags, sizeof address.flags);
    auto added = socket.ask(request, "add an address to", name);
    return !added.ok() && added.error().code() == EEXIST ? Result<void>{} : added;
}

Result<void> move_one(Socket& host, Socket& inside, const spec::NetDevice& device, int target) {
    const std::string& name = device.host_name;
    URC_TRY(int index, find_link(host, name, "find"));
    URC_TRY(std::vector<Address> addresses, read_addresses(host, index, name));

    // The kernel sets it down when it really goes, and takes its addresses away. One that may not go stays as
    // it is.
    ifinfomsg body{};
    body.ifi_index = index;
    Request request(RTM_NEWLINK, 0, body);
    const auto fd = static_cast<std::uint32_t>(target);
    request.add(IFLA_NET_NS_FD, &fd, sizeof fd);
    request.add_name(IFLA_IFNAME, name_inside(device));
    URC_TRY_VOID(host.ask(request, "move", name));

    // Its number may be another one there.
    const std::string& new_name = name_inside(device);
    URC_TRY(int moved, find_link(inside, new_name, "find in the container"));
    for (const Address& address : addresses) URC_TRY_VOID(add_address(inside, moved, address, new_name));
    return set_up(inside, moved, new_name);
}

// A socket belongs to the namespace in which it was made.
Result<Socket> open_socket_in(int target) {
    URC_TRY(Fd own, open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY));
    struct stat here, there;
    if (::fstat(own.get(), &here) < 0 || ::fstat(target, &there) < 0) return Error::last("fstat");
    if (here.st_ino == there.st_ino && here.st_dev == there.st_dev)
        return Error::message("the container's network namespace is urc's own", EINVAL);
    if (::setns(target, CLONE_NEWNET) < 0) return Error::last("setns", "the container's network namespace");
    auto socket = Socket::open();
    if (::setns(own.get(), CLONE_NEWNET) < 0) return Error::last("setns", "urc's own network namespace");
    return socket;
}

Result<void> move_all(const std::vector<spec::NetDevice>& devices, int target) {
    URC_TRY(Socket inside, open_socket_in(target));
    URC_TRY(Socket host, Socket::open());
    for (const spec::NetDevice& device : devices) {
        URC_TRY_VOID(find_link(host, device.host_name, "find"));
        if (find_link(inside, name_inside(device), "find").ok())
            return Error(EEXIST, "rename " + device.host_name, name_inside(device));
    }
    for (const spec::NetDevice& device : devices) URC_TRY_VOID(move_one(host, inside, device, target));
    return {};
}

}  // namespace

Result<void> move_devices(const std::vector<spec::NetDevice>& devices, int target) {
    auto moved = move_all(devices, target);
    if (!moved.ok()) return std::move(moved).error().context("linux.netDevices");
    return {};
}

}  // namespace urc::network
