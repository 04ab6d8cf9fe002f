// Messages with ancillary data for sendmsg and recvmsg: descriptors (SCM_RIGHTS), the sender
// (SCM_CREDENTIALS, SCM_PIDFD). unix(7), cmsg(3).
//
// Both live in the caller's frame while the operation runs and can be neither copied nor moved: the msghdr
// points into them. Received descriptors are owned from the first moment, also those that nobody asked for.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc {

// The kernel's SCM_MAX_FD: more in one message is EINVAL.
inline constexpr std::size_t kMessageFdsMax = 253;

class OutMessage {
public:
    explicit OutMessage(std::span<const std::byte> data) noexcept;
    OutMessage(const OutMessage&) = delete;
    OutMessage& operator=(const OutMessage&) = delete;

    // Borrowed until the message is sent. False when there are too many.
    [[nodiscard]] bool add_fd(int fd) noexcept;
    // Names another process than the caller as the sender, which needs CAP_SYS_ADMIN (unix(7)).
    void set_sender(const ucred& sender) noexcept { sender_ = sender; }
    // For a socket that is not connected. Borrowed.
    void set_address(const sockaddr* address, socklen_t size) noexcept;

    const msghdr& header() noexcept;

private:
    iovec data_;
    msghdr header_{};
    std::size_t fds_ = 0;
    std::optional<ucred> sender_;
    static constexpr std::size_t kControlSize =
        CMSG_SPACE(sizeof(int) * kMessageFdsMax) + CMSG_SPACE(sizeof(ucred));
    alignas(cmsghdr) std::array<std::byte, kControlSize> control_;
};

// Sends `message` with one plain sendmsg(2), which may block; EPIPE instead of SIGPIPE. For callers without a
// ring: the child, the short verbs. `step` and `object` are the Error's.
Result<void> send_blocking(int socket, OutMessage& message, std::string_view step,
                           std::string_view object = {});

class InMessage {
public:
    // `buffer` receives the data; borrowed.
    explicit InMessage(std::span<std::byte> buffer) noexcept;
    InMessage(const InMessage&) = delete;
    InMessage& operator=(const InMessage&) = delete;

    std::span<std::byte> data() const noexcept { return buffer_.first(size_); }
    std::vector<Fd>& fds() noexcept { return fds_; }
    // With SO_PASSCRED, SO_PASSPIDFD on the socket.
    const std::optional<ucred>& sender() const noexcept { return sender_; }
    Pidfd& sender_pidfd() noexcept { return sender_pidfd_; }
    // Data (a datagram longer than the buffer) or descriptors (the limit of open files) were lost.
    bool is_data_cut() const noexcept { return header_.msg_flags & MSG_TRUNC; }
    bool is_control_cut() const noexcept { return header_.msg_flags & MSG_CTRUNC; }
    const sockaddr_storage& address() const noexcept { return address_; }
    socklen_t address_size() const noexcept { return header_.msg_namelen; }

    // For RecvMsg: the header to receive into, and what it received.
    msghdr& header_to_fill() noexcept;
    void received(std::size_t size);

private:
    static constexpr std::size_t kControlSize =
        CMSG_SPACE(sizeof(int) * kMessageFdsMax) + CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int));

    std::span<std::byte> buffer_;
    std::size_t size_ = 0;
    iovec data_;
    msghdr header_{};
    std::vector<Fd> fds_;
    std::optional<ucred> sender_;
    Pidfd sender_pidfd_;
    sockaddr_storage address_;
    alignas(cmsghdr) std::array<std::byte, kControlSize> control_;
};

}  // namespace urc
