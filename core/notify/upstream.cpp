#include "core/notify/upstream.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "uring/deadline.h"
#include "uring/message.h"
#include "uring/ops_file.h"

namespace urc::notify {

using namespace std::chrono_literals;

namespace {

// The manager is gone, or has been replaced: a new socket may find it.
bool is_gone(int code) {
    return code == ECONNREFUSED || code == ECONNRESET || code == ENOENT || code == ENOTCONN ||
           code == EPIPE || code == ECONNABORTED;
}
bool is_short_of_memory(int code) {
    return code == ENOBUFS || code == ENOMEM;
}
bool is_unknown_type(int code) {
    return code == ENODEV || code == ESOCKTNOSUPPORT || code == EPROTONOSUPPORT || code == EPROTOTYPE ||
           code == EOPNOTSUPP;
}

bool is_ready(int fd, short events) {
    pollfd poll{fd, events, 0};
    return ::poll(&poll, 1, 0) == 1;
}

// A burst shall find room in the kernel; without CAP_NET_ADMIN net.core.wmem_max bounds it.
constexpr int kSendBufferSize = 8 << 20;

}  // namespace

Upstream::Sent Upstream::send(const Notification& notification) {
    const bool is_new = phase_ == Phase::closed;
    if (is_new) {
        auto connected = connect();
        if (!connected.ok()) return away(std::move(connected).error());
    }
    return address_.type == SOCK_DGRAM ? send_datagram(notification, is_new)
                                       : send_on_connection(notification);
}

Upstream::Sent Upstream::send_datagram(const Notification& notification, bool is_new) {
    std::size_t sent = 0;
    const int code = send_once(notification, 0, sent);
    if (code == 0) {
        tries_ = 0;
        return Sent::taken;
    }
    if (code == EAGAIN) {
        awaited_ = POLLOUT;
        return Sent::full;
    }
    Error error(code, "send", address_.text);
    if (is_short_of_memory(code)) return away(std::move(error));
    if (!is_gone(code)) {
        error_ = std::move(error);
        return Sent::refused;
    }
    if (is_new) return away(std::move(error));
    // The one we were connected with is gone; its successor may be there already.
    phase_ = Phase::closed;
    return send(notification);
}

Upstream::Sent Upstream::send_on_connection(const Notification& notification) {
    if (phase_ == Phase::answering) return answer();
    if (phase_ == Phase::connecting) {
        awaited_ = POLLOUT;
        if (!is_ready(socket_.get(), POLLOUT)) return Sent::full;
        int code = 0;
        socklen_t size = sizeof code;
        if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &code, &size) < 0) code = errno;
        if (code != 0) return away(Error(code, "connect", address_.text));
        phase_ = Phase::open;
    }
    while (sent_ < notification.body.size()) {
        std::size_t sent = 0;
        const int code = send_once(notification, sent_, sent);
        sent_ += sent;
        if (code == EAGAIN) {
            awaited_ = POLLOUT;
            return Sent::full;
        }
        if (is_gone(code) || is_short_of_memory(code)) return away(Error(code, "send", address_.text));
        if (code != 0) {
            error_ = Error(code, "send", address_.text);
            phase_ = Phase::closed;
            return Sent::refused;
        }
    }
    ::shutdown(socket_.get(), SHUT_WR);
    phase_ = Phase::answering;
    answer_due_ = loop_.now() + answer_max_;
    return answer();
}

// The peer has read everything when it closes; one that never does has had its time.
Upstream::Sent Upstream::answer() {
    awaited_ = POLLIN;
    if (!is_ready(socket_.get(), POLLIN) && loop_.now() < answer_due_) return Sent::full;
    phase_ = Phase::closed;
    socket_.reset();
    tries_ = 0;
    return Sent::taken;
}

Upstream::Sent Upstream::away(Error error) {
    error_ = std::move(error);
    phase_ = Phase::closed;
    socket_.reset();
    awaited_ = 0;
    if (tries_ < kTriesMax) ++tries_;
    return Sent::away;
}

Result<void> Upstream::connect() {
    for (;;) {
        sent_ = 0;
        int code = connect_once();
        if (code == 0) return {};
        if (address_.second_type == 0 || !is_unknown_type(code)) return Error(code, "connect", address_.text);
        address_.type = std::exchange(address_.second_type, 0);
    }
}

int Upstream::connect_once() {
    const int type = address_.type | SOCK_NONBLOCK;
    socket_ = Fd(::socket(address_.socket_address.ss_family, type | SOCK_CLOEXEC, 0));
    if (!socket_) return errno;
    const int size = kSendBufferSize;
    if (::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
        (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    phase_ = Phase::open;
    if (::connect(socket_.get(), address_.get(), address_.size) == 0) return 0;
    // connect(2): interrupted, it goes on by itself, and poll says when it is done.
    if (errno != EINPROGRESS && errno != EINTR) return errno;
    phase_ = Phase::connecting;
    return 0;
}

int Upstream::send_once(const Notification& notification, std::size_t from, std::size_t& sent) {
    const bool names_sender = notification.named_sender > 0 && may_name_sender_ && address_.carries_fds();
    int code = send_as(names_sender ? notification.named_sender : 0, notification, from, sent);
    if (!names_sender || (code != EPERM && code != ESRCH)) return code;
    // EPERM: no CAP_SYS_ADMIN, now and later. ESRCH: that process has been reaped. Then it is us.
    if (code == EPERM) may_name_sender_ = false;
    return send_as(0, notification, from, sent);
}

int Upstream::send_as(pid_t sender, const Notification& notification, std::size_t from, std::size_t& sent) {
    OutMessage message(std::as_bytes(std::span(notification.body)).subspan(from));
    if (sender > 0) message.set_sender({sender, ::getuid(), ::getgid()});
    if (address_.carries_fds() && from == 0) {
        for (const Fd& fd : notification.fds)
            if (!message.add_fd(fd.get())) return EINVAL;
    }
    ssize_t size;
    do {
        size = call_(socket_.get(), &message.header(), MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    if (size < 0) return errno;
    sent = static_cast<std::size_t>(size);
    return 0;
}

Task<void> Upstream::until_room(std::chrono::nanoseconds bound) {
    if (awaited_ == 0) {
        const std::chrono::nanoseconds pause = std::chrono::milliseconds(5 << std::min(tries_, kTriesMax));
        co_await sleep(loop_, std::min(bound, pause));
        co_return;
    }
    if (phase_ == Phase::answering) bound = std::min(bound, std::max(answer_due_ - loop_.now(), 0ns));
    auto ready = co_await settled(deadline(poll(loop_, socket_.get(), awaited_), bound));
    if (!ready.ok() && ready.error().code() != ETIMEDOUT) co_await fail(std::move(ready).error());
}

}  // namespace urc::notify
