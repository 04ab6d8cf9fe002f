// Upstream: the manager's socket, and what to do when it does not take what we have.
//
//   send() --+-- taken      it is the manager's now
//            +-- refused    this one will never be taken (EMSGSIZE, ETOOMANYREFS ...): last_error() says why
//            +-- full       until_room(), then once more: the manager does not read
//            `-- away       until_room(), then once more: nobody is there, or the kernel has no memory;
//                           kTriesMax times in a row, then is_lost() until one is taken again
//
// A datagram socket is connected, so that poll tells when the peer has room (unix(7)), and made anew when the
// peer has been replaced: a manager that executes itself binds its path again. With connections (vsock) each
// notification gets its own: connect, send, shutdown, and the peer's close is its answer.
//
// Nothing here blocks: plain calls, and the ring for the waiting.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/notify/address.h"
#include "core/notify/message.h"
#include "uring/loop.h"

namespace urc::notify {

using SendCall = ssize_t (*)(int socket, const msghdr* message, int flags);

class Upstream {
public:
    enum class Sent : std::uint8_t { taken, refused, full, away };

    static constexpr int kTriesMax = 8;  // with pauses of 10, 20, 40 ... 640 ms between them: 1.3 s

    // `call`: sendmsg(2), or a test's. `answer_max`: how long the peer of a connection may take to close it.
    Upstream(Loop& loop, Address address, SendCall call = ::sendmsg,
             std::chrono::nanoseconds answer_max = std::chrono::seconds(5)) noexcept
        : loop_(loop), address_(std::move(address)), call_(call), answer_max_(answer_max) {}

    Sent send(const Notification& notification);

    // Waits until it is worth another send(), at most `bound`. Not while somebody else calls send().
    Task<void> until_room(std::chrono::nanoseconds bound);

    // Too many tries in a row have found nobody.
    bool is_lost() const noexcept { return tries_ >= kTriesMax; }
    const Error& last_error() const noexcept { return error_; }
    const Address& address() const noexcept { return address_; }

private:
    enum class Phase : std::uint8_t { closed, connecting, open, answering };

    Sent send_datagram(const Notification& notification, bool is_new);
    Sent send_on_connection(const Notification& notification);
    Sent answer();
    Sent away(Error error);
    Result<void> connect();
    // These answer 0 or an errno.
    int connect_once();
    int send_once(const Notification& notification, std::size_t from, std::size_t& sent);
    int send_as(pid_t sender, const Notification& notification, std::size_t from, std::size_t& sent);

    Loop& loop_;
    Address address_;
    SendCall call_;
    std::chrono::nanoseconds answer_max_;
    Fd socket_;
    Phase phase_ = Phase::closed;
    bool may_name_sender_ = true;
    unsigned awaited_ = 0;  // POLLIN, POLLOUT; 0: a pause
    int tries_ = 0;
    std::size_t sent_ = 0;  // of the notification on its connection
    std::chrono::nanoseconds answer_due_{};
    Error error_ = Error(ENOTCONN, "connect");
};

}  // namespace urc::notify
