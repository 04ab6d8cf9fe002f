// The little of rtnetlink(7) that moving a network device takes: one request, its answer, and dumps.
//
// Lengths in netlink are 16 bits and trusted by nobody: what we write is bounded by the fixed buffer of a
// Request and checked, what the kernel answers is walked with its own lengths checked against the message.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>

#include "uring/check.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::network {

// One message being built: header, a fixed struct (ifinfomsg, ifaddrmsg), attributes.
class Request {
public:
    template <typename Body>
    Request(std::uint16_t type, unsigned flags, const Body& body) {
        nlmsghdr* head = header();
        head->nlmsg_type = type;
        head->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        head->nlmsg_len = NLMSG_LENGTH(sizeof body);
        static_assert(NLMSG_LENGTH(sizeof body) <= kSizeMax);
        std::memcpy(NLMSG_DATA(head), &body, sizeof body);
    }

    void add(std::uint16_t type, const void* data, std::size_t size);
    // With the NUL that ends it.
    void add_name(std::uint16_t type, std::string_view name);

    nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes_); }

private:
    static constexpr std::size_t kSizeMax = 512;
    alignas(nlmsghdr) char bytes_[kSizeMax] = {};
};

// The attributes behind the fixed struct of an answer. Borrowed from the message.
class Attributes {
public:
    Attributes(const nlmsghdr& message, std::size_t body_size);
    // Empty when there is none of this type. The first one counts.
    std::string_view find(std::uint16_t type) const;

private:
    const char* bytes_;
    std::size_t size_;
};

class Socket {
public:
    // In the network namespace that the caller is in now; there it stays.
    static Result<Socket> open();
    // A socket of that kind that was made elsewhere.
    static Socket adopt(Fd fd) { return Socket(std::move(fd)); }

    // Sends the request and waits for the kernel's word on it. Error: `step`: `object`: what the kernel says.
    Result<void> ask(Request& request, std::string_view step, std::string_view object);
    // The same for a request that is answered by messages: `each` sees every one of them.
    Result<void> ask(Request& request, std::string_view step, std::string_view object,
                     const std::function<void(const nlmsghdr&)>& each);

private:
    explicit Socket(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
    std::uint32_t sequence_ = 0;
};

}  // namespace urc::network
