// DatagramBatch: the datagrams that a socket has got, and how they are sent on with as few calls as can be.
//
//   socket --recvmmsg--> message  message  message ...  --sendmsg, once a run--> socket
//                        |
//                        `-- one datagram, or with UDP_GRO many that follow each other and are of one size
//
// Datagrams that follow each other to one destination and are of one size are a run, which may end with a
// shorter one: the kernel takes it as one message and cuts it up by UDP_SEGMENT, as late as it can. So a
// burst costs two calls, and each datagram is still the one that was sent. Where the kernel has no such
// thing, or not for this route (a small MTU, no checksums), a run is sent datagram by datagram. recvmmsg(2),
// udp(7).
//
// One batch serves all sockets of a loop, since nobody waits between taking a batch and having sent it on.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ports/address.h"
#include "core/ports/datagram_control.h"
#include "uring/mapping.h"

namespace urc::ports {

// Whether an errno is what the network says about a datagram sent before: nobody listens, no way there.
bool is_about_a_datagram(int code) noexcept;

// Has datagrams of one size come together, and more of them wait than programs get by default: a burst comes
// while others have their turn. Nothing is lost where it cannot be had.
void receive_bursts(int socket) noexcept;
// An old kernel would send a run as one datagram.
bool knows_segments(int socket) noexcept;

// From where to where; all is borrowed.
struct DatagramWay {
    int socket;
    const Address& to;
    const Address* host;  // what it leaves from; nullptr: the kernel chooses
    bool& can_segment;    // cleared when it turns out to be impossible
};

class DatagramBatch {
public:
    static constexpr unsigned kMax = 16;
    // The largest payload there is, IPv6 included.
    static constexpr std::size_t kMessageMax = 65535;

    // Takes what `socket` has. The number of messages: less than kMax when that was all. 0, and the errno:
    // none.
    unsigned receive(int socket, int& code) noexcept;

    // Of the messages received last.
    const Address& from(unsigned index) const noexcept { return from_[index]; }
    Address host(unsigned index) noexcept { return host_of(messages_[index].msg_hdr); }

    struct Sent {
        std::uint64_t bytes = 0;
        unsigned lost = 0;  // datagrams
        int code = 0;       // why the last of them is lost
    };
    // Those from `first` to before `end`. What cannot be sent at once is lost.
    Sent send(unsigned first, unsigned end, const DatagramWay& way) noexcept;
    // One datagram from elsewhere.
    static Sent send(std::span<const std::byte> datagram, const DatagramWay& way) noexcept;

    // Each datagram of these messages.
    template <typename Function>
    void for_each(unsigned first, unsigned end, Function function) const {
        for (unsigned i = first; i < end; ++i) {
            auto rest = bytes(i);
            do {
                const auto datagram = rest.first(std::min(rest.size(), segments_[i]));
                function(datagram);
                rest = rest.subspan(datagram.size());
            } while (!rest.empty());
        }
    }

    // For something else that is received and used at once. Empty when there is no memory.
    std::span<std::byte> room() noexcept;

private:
    bool prepare() noexcept;
    std::span<std::byte> bytes(unsigned index) const noexcept {
        return {static_cast<std::byte*>(data_[index].iov_base), messages_[index].msg_len};
    }
    bool is_joined(unsigned index) const noexcept { return segments_[index] < messages_[index].msg_len; }
    unsigned end_of_run(unsigned first, unsigned end) const noexcept;
    int send_run(unsigned first, unsigned end, const DatagramWay& way) noexcept;

    Mapping memory_;  // of the buffers; what nobody writes to costs nothing
    unsigned used_ = kMax;
    std::array<mmsghdr, kMax> messages_{};
    std::array<iovec, kMax> data_{};
    std::array<std::size_t, kMax> segments_{};
    std::array<Address, kMax> from_;
    std::array<DatagramControl, kMax> control_;
};

}  // namespace urc::ports
