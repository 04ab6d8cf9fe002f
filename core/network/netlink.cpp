#include "core/network/netlink.h"

#include <sys/socket.h>

#include <memory>

namespace urc::network {

void Request::add(std::uint16_t type, const void* data, std::size_t size) {
    nlmsghdr* head = header();
    const std::size_t begin = NLMSG_ALIGN(head->nlmsg_len);
    const std::size_t length = RTA_LENGTH(size);
    URC_CHECK(size < kSizeMax && begin + RTA_ALIGN(length) <= kSizeMax);
    auto* attribute = reinterpret_cast<rtattr*>(bytes_ + begin);
    attribute->rta_type = type;
    attribute->rta_len = static_cast<unsigned short>(length);
    if (size > 0) std::memcpy(RTA_DATA(attribute), data, size);
    head->nlmsg_len = static_cast<std::uint32_t>(begin + RTA_ALIGN(length));
}

void Request::add_name(std::uint16_t type, std::string_view name) {
    char text[64] = {};
    URC_CHECK(name.size() < sizeof text);
    std::memcpy(text, name.data(), name.size());
    add(type, text, name.size() + 1);
}

Attributes::Attributes(const nlmsghdr& message, std::size_t body_size)
    : bytes_(reinterpret_cast<const char*>(&message)), size_(message.nlmsg_len) {
    const std::size_t skipped = NLMSG_HDRLEN + NLMSG_ALIGN(body_size);
    bytes_ += std::min(skipped, size_);
    size_ -= std::min(skipped, size_);
}

std::string_view Attributes::find(std::uint16_t type) const {
    const char* at = bytes_;
    for (std::size_t left = size_; left >= sizeof(rtattr);) {
        rtattr attribute;
        std::memcpy(&attribute, at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || attribute.rta_len > left) break;
        if ((attribute.rta_type & NLA_TYPE_MASK) == type)
            return {at + RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0)};
        const std::size_t step = std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), left);
        at += step;
        left -= step;
    }
    return {};
}

Result<Socket> Socket::open() {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!fd) return Error::last("socket", "rtnetlink");
    return Socket(std::move(fd));
}

Result<void> Socket::ask(Request& request, std::string_view step, std::string_view object) {
    request.header()->nlmsg_flags |= NLM_F_ACK;
    return ask(request, step, object, [](const nlmsghdr&) {});
}

Result<void> Socket::ask(Request& request, std::string_view step, std::string_view object,
                         const std::function<void(const nlmsghdr&)>& each) {
    nlmsghdr* head = request.header();
    head->nlmsg_seq = ++sequence_;
    const bool is_dump = (head->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (::sendto(fd_.get(), head, head->nlmsg_len, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) <
        0)
        return Error::last(step, object);

    constexpr std::size_t kAnswerMax = 64 << 10;  // the kernel fills 32 KiB at most
    auto buffer = std::make_unique<char[]>(kAnswerMax);
    for (;;) {
        sockaddr_nl from{};
        socklen_t from_size = sizeof from;
        ssize_t got = ::recvfrom(fd_.get(), buffer.get(), kAnswerMax, 0, reinterpret_cast<sockaddr*>(&from),
                                 &from_size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error::last(step, object);
        if (from.nl_pid != 0) continue;  // any process may send to us; only the kernel is meant
        auto left = static_cast<unsigned>(got);
        for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.get()); NLMSG_OK(message, left);
             message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_seq != sequence_) continue;
            if (message->nlmsg_type == NLMSG_DONE) return {};
            if (message->nlmsg_type == NLMSG_ERROR) {
                nlmsgerr error;
                if (message->nlmsg_len < NLMSG_LENGTH(sizeof error)) return Error(EBADMSG, step, object);
                std::memcpy(&error, NLMSG_DATA(message), sizeof error);
                return error.error == 0 ? Result<void>{} : Error(-error.error, step, object);
            }
            each(*message);
            if (!is_dump && !(head->nlmsg_flags & NLM_F_ACK)) return {};
        }
    }
}

}  // namespace urc::network
