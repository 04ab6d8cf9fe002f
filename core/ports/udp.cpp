#include "core/ports/udp.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/ports/datagram_control.h"
#include "uring/ops_file.h"
#include "uring/race.h"
#include "uring/readiness.h"

namespace urc::ports {

namespace {

// Taken in one turn, by one socket.
constexpr int kReportsPerTurn = 64;

void set(int socket, int level, int option) noexcept {
    const int one = 1;
    (void)::setsockopt(socket, level, option, &one, sizeof one);
}

// What became of a datagram that a socket has sent: its error queue, ip(7) at IP_RECVERR.
struct Report {
    int code = 0;
    bool is_from_network = false;  // else it was the kernel's answer to a call, which has been seen
    std::span<const std::byte> datagram;
};

// False when there is none. As long as there are some, the socket polls ready.
bool take_report(int socket, std::span<std::byte> buffer, Report& report) noexcept {
    constexpr std::size_t kSize = CMSG_SPACE(sizeof(sock_extended_err) + sizeof(sockaddr_in6));
    alignas(cmsghdr) std::array<char, kSize> control;
    iovec data{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (size < 0) return false;
    report = {};
    report.datagram = buffer.first(static_cast<std::size_t>(size));
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        const bool is_v4 = head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_RECVERR;
        const bool is_v6 = head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == IPV6_RECVERR;
        if (!is_v4 && !is_v6) continue;
        sock_extended_err error;
        std::memcpy(&error, CMSG_DATA(head), sizeof error);
        report.code = static_cast<int>(error.ee_errno);
        report.is_from_network =
            error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
    }
    return true;
}

}  // namespace

UdpListener::UdpListener(const Surroundings& around, Fd socket, Spec spec, Address child,
                         std::chrono::nanoseconds idle) noexcept
    : Listener(around, std::move(socket), std::move(spec), child),
      idle_(idle),
      can_segment_(knows_segments(socket_.get())) {
    receive_hosts(socket_.get());
    receive_bursts(socket_.get());
}

Task<void> UdpListener::serve() {
    Nursery flows(loop());
    auto ended = co_await settled(race(loop(), receive_all(flows), end_idle(), until_removed()));
    flows.cancel();
    (void)co_await settled(flows.join());
    // A flow's answers leave by the same socket, so there is no grace for it.
    socket_.reset();
    is_closed_->set();
    if (!ended.ok()) co_await fail(ended.error());
}

// ---- in -----------------------------------------------------------------------------------------

Task<void> UdpListener::receive_all(Nursery& flows) {
    Event changed(loop());
    Readiness ready(loop(), socket_.get(), changed);
    ready.watch();
    for (;;) {
        int code = 0;
        if (receive_some(flows, code) == DatagramBatch::kMax) {
            co_await nop(loop());
            continue;
        }
        // Its own errors are about answers to clients that are gone.
        if (code != 0 && code != EAGAIN) {
            if (!is_about_a_datagram(code)) co_await fail(Error(code, "recvmmsg", spec_text(spec_)));
            continue;
        }
        ready.clear(POLLIN | POLLERR);
        co_await changed.wait();
    }
}

unsigned UdpListener::receive_some(Nursery& flows, int& code) {
    DatagramBatch& batch = *around_.batch;
    const unsigned count = batch.receive(socket_.get(), code);
    for (unsigned first = 0, end; first < count; first = end) {
        const Key key{batch.from(first), batch.host(first)};
        end = first + 1;
        while (end < count && batch.from(end) == key.client && batch.host(end) == key.host) ++end;
        if (Flow* flow = find_or_begin(key, flows))
            send_in(*flow, first, end);
        else
            batch.for_each(first, end, [this](auto) { ++stats_.errors; });
    }
    return count;
}

UdpListener::Flow* UdpListener::find_or_begin(const Key& key, Nursery& flows) {
    if (const auto found = table_.find(key); found != table_.end()) {
        flows_.splice(flows_.begin(), flows_, found->second);
        flows_.front().used = loop().now();
        return &flows_.front();
    }
    if (!around_.descriptors.has_room(1)) (void)drop_spare();
    auto share = around_.descriptors.take_share(1);
    if (!share || flows_.size() >= flows_max()) {
        // For the next one there will be room.
        if (!flows_.empty()) {
            flows_.back().must_end = true;
            flows_.back().changed.set();
        }
        complain(share ? "too many clients; the one that has been idle longest makes room"
                       : "no descriptor is left for another client");
        return nullptr;
    }
    flows_.emplace_front(loop(), key);
    table_.emplace(key, flows_.begin());
    flows_.front().used = loop().now();
    flows.spawn(carry(flows_.begin(), std::move(*share)));
    return &flows_.front();
}

void UdpListener::send_in(Flow& flow, unsigned first, unsigned end) {
    if (flow.socket) {
        const DatagramWay way{flow.socket.get(), child_, nullptr, flow.can_segment_in};
        account(around_.batch->send(first, end, way), stats_.bytes_in, "send", child_);
        return;
    }
    around_.batch->for_each(first, end, [&](std::span<const std::byte> datagram) {
        if (flow.pending.size() < kPendingMax)
            flow.pending.emplace_back(datagram.begin(), datagram.end());
        else
            ++stats_.errors;
    });
}

void UdpListener::account(const DatagramBatch::Sent& sent, std::uint64_t& bytes, const char* step,
                          const Address& to) {
    bytes += sent.bytes;
    stats_.errors += sent.lost;
    // Full queues are what happens to a flood, and nobody's mistake.
    if (sent.lost > 0 && sent.code != EAGAIN && sent.code != ENOBUFS)
        complain(Error(sent.code, step, to.text()).text());
}

// ---- out ----------------------------------------------------------------------------------------

Task<void> UdpListener::make_socket(Flow& flow) {
    Fd socket;
    if (around_.dialer) {
        socket = co_await around_.dialer->dial(spec_, flow.key.client.unmapped());
    } else {
        socket = co_await around_.sockets.get(socket_kind());
        if (!flow.key.client.unmapped().is_loopback()) bind_source(socket.get());
    }
    // Without it a socket that is not connected is told nothing of a service that is not there.
    if (child_.is_v6())
        set(socket.get(), IPPROTO_IPV6, IPV6_RECVERR);
    else
        set(socket.get(), IPPROTO_IP, IP_RECVERR);
    receive_bursts(socket.get());
    flow.can_segment_in = knows_segments(socket.get());
    flow.can_segment_out = can_segment_;
    flow.socket = std::move(socket);
    const DatagramWay way{flow.socket.get(), child_, nullptr, flow.can_segment_in};
    for (const auto& datagram : flow.pending)
        account(DatagramBatch::send(datagram, way), stats_.bytes_in, "send", child_);
    flow.pending = {};
}

Task<void> UdpListener::carry(Flows::iterator flow, [[maybe_unused]] Descriptors::Share share) {
    ++stats_.connections;
    ++stats_.live;
    auto made = co_await settled(make_socket(*flow));
    if (made.ok())
        made = co_await settled(receive_answers(*flow));
    else if (made.error().code() != ECANCELED)
        ++stats_.errors;
    if (!made.ok() && made.error().code() != ECANCELED) complain(made.error().text());
    --stats_.live;
    table_.erase(flow->key);
    flows_.erase(flow);
}

Task<void> UdpListener::receive_answers(Flow& flow) {
    Readiness ready(loop(), flow.socket.get(), flow.changed);
    ready.watch();
    while (!flow.must_end) {
        int code = 0;
        const unsigned count = around_.batch->receive(flow.socket.get(), code);
        return_answers(flow, count);
        // What became of a datagram is in a report, too.
        const bool is_told = code != 0 && code != EAGAIN;
        if (is_told && !is_about_a_datagram(code)) co_await fail(Error(code, "recvmmsg", child_.text()));
        if (ready.has(POLLERR) && take_reports(flow)) ready.clear(POLLERR);
        if (count == DatagramBatch::kMax || is_told || ready.has(POLLERR)) {
            co_await nop(loop());
            continue;
        }
        ready.clear(POLLIN);
        co_await flow.changed.wait();
    }
    co_await ready.close();
}

bool UdpListener::take_reports(const Flow& flow) {
    Report report;
    for (int i = 0; i < kReportsPerTurn; ++i) {
        if (!take_report(flow.socket.get(), around_.batch->room(), report)) return true;
        if (report.is_from_network) pass_on(flow, report.code, report.datagram);
    }
    return false;
}

void UdpListener::pass_on(const Flow& flow, int code, std::span<const std::byte> datagram) {
    if (code != ECONNREFUSED) {
        account({0, 1, code}, stats_.bytes_in, "send", child_);
        return;
    }
    Address host = flow.key.host.unmapped();
    host.set_port(spec_.host_port);
    auto told = around_.unreachable->tell(flow.key.client.unmapped(), host, datagram);
    ++stats_.errors;
    std::string text = Error(code, "send", child_.text()).text();
    if (!told.ok() && (told.error().code() == EPERM || told.error().code() == EACCES))
        text += "; clients are not told so: that takes CAP_NET_RAW";
    complain(text);
}

void UdpListener::return_answers(Flow& flow, unsigned count) {
    DatagramBatch& batch = *around_.batch;
    const DatagramWay way{socket_.get(), flow.key.client, &flow.key.host, flow.can_segment_out};
    for (unsigned first = 0, end; first < count; first = end) {
        end = first + 1;
        // Else it is somebody else in the container.
        const bool is_answer = batch.from(first).port() == child_.port();
        while (end < count && (batch.from(end).port() == child_.port()) == is_answer) ++end;
        if (!is_answer) continue;
        flow.used = loop().now();
        account(batch.send(first, end, way), stats_.bytes_out, "answer", flow.key.client);
    }
}

// The list is in the order of what came in last; what went out is looked at here.
Task<void> UdpListener::end_idle() {
    for (;;) {
        co_await sleep(loop(), idle_ / 4);
        const auto now = loop().now();
        for (Flow& flow : flows_) {
            if (now - flow.used < idle_) continue;
            flow.must_end = true;
            flow.changed.set();
        }
    }
}

}  // namespace urc::ports
