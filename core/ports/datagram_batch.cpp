#include "core/ports/datagram_batch.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace urc::ports {

namespace {

// What IPv4 has room for in a message, however it is cut up afterwards, and how many datagrams every kernel
// that can do it makes of one.
constexpr std::size_t kRunBytesMax = 65507;
static_assert(DatagramBatch::kMax <= 64);

// The buffers lie a little aside of each other: all at one place of their pages, they would drive each other
// out of the processor's caches.
constexpr std::size_t kStride = DatagramBatch::kMessageMax + 1 + 4096 + 576;

// 0 or the errno. The first try may be answered with what became of an earlier datagram.
int send_message(int socket, const msghdr& message) noexcept {
    for (int tries = 0; tries < 2; ++tries) {
        if (::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
        if (!is_about_a_datagram(errno)) break;
    }
    return errno;
}

void put_way(msghdr& message, DatagramControl& control, const DatagramWay& way) noexcept {
    // sendmsg(2) does not write there.
    message.msg_name = const_cast<sockaddr*>(way.to.get());
    message.msg_namelen = way.to.size();
    if (way.host) put_host(message, control, *way.host);
}

// That it was a run, and not what was in it.
bool is_about_the_run(int code) noexcept {
    return code == EIO || code == EINVAL || code == EMSGSIZE || code == ENOPROTOOPT || code == EOPNOTSUPP;
}

}  // namespace

bool is_about_a_datagram(int code) noexcept {
    switch (code) {
        case EINTR:
        case ECONNREFUSED:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EHOSTDOWN:
        case ENETDOWN:
        case EMSGSIZE:
        case EPERM:
        case ENOBUFS:
        case ENOMEM:
        case EPROTO:
        case ENOPROTOOPT:
        case EACCES:
            return true;
        default:
            return false;
    }
}

void receive_bursts(int socket) noexcept {
    constexpr int kWaiting = 4 << 20;
    const int one = 1;
    (void)::setsockopt(socket, IPPROTO_UDP, UDP_GRO, &one, sizeof one);
    // Beyond net.core.rmem_max with CAP_NET_ADMIN alone.
    if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &kWaiting, sizeof kWaiting) < 0)
        (void)::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &kWaiting, sizeof kWaiting);
}

bool knows_segments(int socket) noexcept {
    int size = 0;
    socklen_t length = sizeof size;
    return ::getsockopt(socket, IPPROTO_UDP, UDP_SEGMENT, &size, &length) == 0;
}

bool DatagramBatch::prepare() noexcept {
    if (memory_.data()) return true;
    auto memory = Mapping::anonymous(kMax * kStride);
    if (!memory.ok()) return false;
    memory_ = std::move(*memory);
    auto* buffers = static_cast<std::byte*>(memory_.data());
    for (unsigned i = 0; i < kMax; ++i) {
        data_[i] = {buffers + i * kStride, kMessageMax};
        msghdr& head = messages_[i].msg_hdr;
        head.msg_name = from_[i].get();
        head.msg_iov = &data_[i];
        head.msg_iovlen = 1;
        head.msg_control = control_[i].bytes.data();
    }
    return true;
}

std::span<std::byte> DatagramBatch::room() noexcept {
    if (!prepare()) return {};
    return {static_cast<std::byte*>(data_[0].iov_base), kMessageMax};
}

unsigned DatagramBatch::receive(int socket, int& code) noexcept {
    code = ENOMEM;
    if (!prepare()) return 0;
    // The kernel has written what it used of them last time.
    for (unsigned i = 0; i < used_; ++i) {
        messages_[i].msg_hdr.msg_namelen = Address::kSizeMax;
        messages_[i].msg_hdr.msg_controllen = DatagramControl::kSize;
    }
    const int count = ::recvmmsg(socket, messages_.data(), kMax, MSG_DONTWAIT, nullptr);
    code = count < 0 ? errno : 0;
    used_ = count < 0 ? 0 : static_cast<unsigned>(count);
    for (unsigned i = 0; i < used_; ++i) {
        const std::size_t size = messages_[i].msg_len;
        const std::size_t segment = segment_of(messages_[i].msg_hdr);
        segments_[i] = segment > 0 && segment < size ? segment : size;
    }
    return used_;
}

unsigned DatagramBatch::end_of_run(unsigned first, unsigned end) const noexcept {
    const std::size_t size = messages_[first].msg_len;
    unsigned next = first + 1;
    if (is_joined(first)) return next;
    std::size_t total = size;
    while (next < end) {
        const std::size_t more = messages_[next].msg_len;
        // Nothing at all is a datagram, too, but no part of a run.
        if (more == 0 || more > size || is_joined(next) || total + more > kRunBytesMax) break;
        total += more;
        ++next;
        if (more < size) break;
    }
    return next;
}

// 0 or the errno, and then nothing is sent.
int DatagramBatch::send_run(unsigned first, unsigned end, const DatagramWay& way) noexcept {
    std::array<iovec, kMax> data;
    for (unsigned i = first; i < end; ++i) data[i - first] = {data_[i].iov_base, messages_[i].msg_len};
    DatagramControl control;
    msghdr message{};
    message.msg_iov = data.data();
    message.msg_iovlen = end - first;
    put_way(message, control, way);
    put_segment(message, control, static_cast<std::uint16_t>(segments_[first]));
    return send_message(way.socket, message);
}

DatagramBatch::Sent DatagramBatch::send(std::span<const std::byte> datagram,
                                        const DatagramWay& way) noexcept {
    iovec data{const_cast<std::byte*>(datagram.data()), datagram.size()};
    DatagramControl control;
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    put_way(message, control, way);
    const int code = send_message(way.socket, message);
    return code == 0 ? Sent{datagram.size(), 0, 0} : Sent{0, 1, code};
}

DatagramBatch::Sent DatagramBatch::send(unsigned first, unsigned end, const DatagramWay& way) noexcept {
    Sent sent;
    const auto add = [&sent](const Sent& more) {
        sent.bytes += more.bytes;
        sent.lost += more.lost;
        if (more.lost > 0) sent.code = more.code;
    };
    for (unsigned next; first < end; first = next) {
        next = end_of_run(first, end);
        const bool is_run = next - first > 1 || is_joined(first);
        int code = EINVAL;
        if (is_run && way.can_segment) code = send_run(first, next, way);
        if (is_run && (code == EIO || code == ENOPROTOOPT || code == EOPNOTSUPP)) way.can_segment = false;
        for_each(first, next, [&](std::span<const std::byte> datagram) {
            if (is_run && code == 0)
                add({datagram.size(), 0, 0});
            else if (is_run && !is_about_the_run(code))
                add({0, 1, code});
            else
                add(send(datagram, way));
        });
    }
    return sent;
}

}  // namespace urc::ports
