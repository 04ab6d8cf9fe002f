// UdpListener: datagrams of a published port, and the answers to each client.
//
//   client A ---+                     +--- flow A: a socket in the container ---+
//               +-- host socket, table +                                        +--- application
//   client B ---+                     +--- flow B: another one -----------------+
//
// A flow is a client's address and port together with the address of the host that it asked: the answers
// leave from there (IP_PKTINFO), or a client that asked the second address would drop them. The flow's socket
// is not connected: a service that is bound to every address may answer from another one than was asked;
// whatever comes from the service's port is taken for an answer. ip(7), udp(7), ipv6(7).
//
// Datagrams are taken and sent on by the batch (datagram_batch.h), so that a burst costs little more than
// one.
//
// What the network says of a datagram that was sent on is counted and complained of; that nobody listens is
// passed on to the client (unreachable.h), whose next call says ECONNREFUSED then.
//
// Nothing waits for anybody: a datagram that cannot be sent on at once is lost, as on any network. A flow
// that has been idle for kIdle ends; so does the one that has been idle longest when there are too many.
#pragma once

#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/ports/listener.h"
#include "uring/nursery.h"

namespace urc::ports {

class UdpListener final : public Listener {
public:
    static constexpr std::chrono::seconds kIdle{90};
    static constexpr std::size_t kFlowsMax = 4096;
    // Datagrams of a flow that has no socket yet.
    static constexpr std::size_t kPendingMax = 32;

    UdpListener(const Surroundings& around, Fd socket, Spec spec, Address child,
                std::chrono::nanoseconds idle = kIdle) noexcept;

    Task<void> serve() override;

private:
    // Where a datagram came from, and to which of our addresses.
    struct Key {
        Address client;
        Address host;
        bool operator==(const Key&) const noexcept = default;
    };
    struct Hash {
        std::size_t operator()(const Key& key) const noexcept {
            return key.client.hash() ^ (key.host.hash() << 1);
        }
    };
    struct Flow {
        Flow(Loop& loop, const Key& flow_key) noexcept : key(flow_key), changed(loop) {}
        Key key;
        Event changed;
        Fd socket;
        std::chrono::nanoseconds used{0};
        bool must_end = false;
        // In runs; each way until it turns out that it cannot be.
        bool can_segment_in = false;
        bool can_segment_out = false;
        std::vector<std::vector<std::byte>> pending;
    };
    using Flows = std::list<Flow>;  // the one used last in front

    Task<void> receive_all(Nursery& flows);
    Task<void> end_idle();
    Task<void> carry(Flows::iterator flow, Descriptors::Share share);
    Task<void> receive_answers(Flow& flow);
    Task<void> make_socket(Flow& flow);

    std::size_t flows_max() const noexcept { return spec_.max > 0 ? spec_.max : kFlowsMax; }
    Flow* find_or_begin(const Key& key, Nursery& flows);
    // The messages of the batch from `first` to before `end`.
    void send_in(Flow& flow, unsigned first, unsigned end);
    void return_answers(Flow& flow, unsigned count);
    void account(const DatagramBatch::Sent& sent, std::uint64_t& bytes, const char* step, const Address& to);
    // What became of datagrams. False when there may be more to be told.
    bool take_reports(const Flow& flow);
    void pass_on(const Flow& flow, int code, std::span<const std::byte> datagram);
    // The number of messages, as DatagramBatch::receive() says it.
    unsigned receive_some(Nursery& flows, int& code);

    std::chrono::nanoseconds idle_;
    Flows flows_;
    std::unordered_map<Key, Flows::iterator, Hash> table_;
    bool can_segment_;
};

}  // namespace urc::ports
