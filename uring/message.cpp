#include "uring/message.h"

#include <algorithm>
#include <cstring>

namespace urc {
namespace {

// Newer than Debian 12's headers (Linux 6.5).
constexpr int kScmPidfd = 4;

// The i-th value of type T in the payload of a control message; it need not be aligned for T.
template <typename T>
T control_value(const cmsghdr& control, std::size_t i = 0) {
    T value;
    std::memcpy(&value, CMSG_DATA(&control) + i * sizeof(T), sizeof(T));
    return value;
}

}  // namespace

OutMessage::OutMessage(std::span<const std::byte> data) noexcept
    : data_{const_cast<std::byte*>(data.data()), data.size()} {
    header_.msg_iov = &data_;
    header_.msg_iovlen = 1;
}

bool OutMessage::add_fd(int fd) noexcept {
    if (fds_ == kMessageFdsMax) return false;
    std::memcpy(control_.data() + CMSG_LEN(0) + fds_ * sizeof(int), &fd, sizeof fd);
    ++fds_;
    return true;
}

void OutMessage::set_address(const sockaddr* address, socklen_t size) noexcept {
    header_.msg_name = const_cast<sockaddr*>(address);
    header_.msg_namelen = size;
}

const msghdr& OutMessage::header() noexcept {
    std::size_t used = 0;
    auto add = [&](int type, std::size_t size) {
        cmsghdr control{};
        control.cmsg_level = SOL_SOCKET;
        control.cmsg_type = type;
        control.cmsg_len = CMSG_LEN(size);
        std::memcpy(control_.data() + used, &control, sizeof control);
        used += CMSG_SPACE(size);
    };
    if (fds_ > 0) add(SCM_RIGHTS, fds_ * sizeof(int));
    if (sender_) {
        std::memcpy(control_.data() + used + CMSG_LEN(0), &*sender_, sizeof(ucred));
        add(SCM_CREDENTIALS, sizeof(ucred));
    }
    header_.msg_control = used > 0 ? control_.data() : nullptr;
    header_.msg_controllen = used;
    return header_;
}

Result<void> send_blocking(int socket, OutMessage& message, std::string_view step, std::string_view object) {
    ssize_t sent;
    do {
        sent = ::sendmsg(socket, &message.header(), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return Error::last(step, object);
    return {};
}

InMessage::InMessage(std::span<std::byte> buffer) noexcept
    : buffer_(buffer), data_{buffer.data(), buffer.size()} {}

msghdr& InMessage::header_to_fill() noexcept {
    header_ = {};
    header_.msg_iov = &data_;
    header_.msg_iovlen = 1;
    header_.msg_name = &address_;
    header_.msg_namelen = sizeof address_;
    header_.msg_control = control_.data();
    header_.msg_controllen = control_.size();
    return header_;
}

void InMessage::received(std::size_t size) {
    // With MSG_TRUNC a datagram's real length comes back, which may be more than we have.
    size_ = std::min(size, buffer_.size());
    fds_.clear();
    sender_.reset();
    sender_pidfd_.reset();
    for (cmsghdr* control = CMSG_FIRSTHDR(&header_); control; control = CMSG_NXTHDR(&header_, control)) {
        if (control->cmsg_level != SOL_SOCKET) continue;
        std::size_t bytes = control->cmsg_len - CMSG_LEN(0);
        if (control->cmsg_type == SCM_RIGHTS) {
            for (std::size_t i = 0; i < bytes / sizeof(int); ++i) {
                fds_.push_back(Fd(control_value<int>(*control, i)));
            }
        } else if (control->cmsg_type == SCM_CREDENTIALS && bytes >= sizeof(ucred)) {
            sender_ = control_value<ucred>(*control);
        } else if (control->cmsg_type == kScmPidfd && bytes >= sizeof(int)) {
            sender_pidfd_ = Pidfd(control_value<int>(*control));
        }
    }
}

}  // namespace urc
