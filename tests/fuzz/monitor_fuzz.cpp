// Strange packets at both ends of monitor.sock: what clients send to a Control, and what a monitor sends to
// who asks it. Two bytes in front of each packet are its length; the first byte of all says which end it is
// for.
//
// A Control takes every packet apart, says `refused` to what it does not understand, and serves the next
// client as if nothing had been.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/monitor/client.h"
#include "core/monitor/control.h"
#include "core/monitor/port_packet.h"
#include "uring/check.h"
#include "uring/open_backend.h"
#include "uring/ops_socket.h"
#include "uring/race.h"

namespace urc::monitor {
namespace {

struct Pair {
    Fd near, far;
    Pair() {
        int ends[2];
        URC_CHECK(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
        near = Fd(ends[0]);
        far = Fd(ends[1]);
    }
};

// The packets of an input, one after the other.
class Packets {
public:
    explicit Packets(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    std::optional<std::span<const std::uint8_t>> next() {
        if (bytes_.size() < 2) return std::nullopt;
        const std::size_t size =
            std::min<std::size_t>(bytes_[0] + std::size_t{256} * bytes_[1], bytes_.size() - 2);
        const auto packet = bytes_.subspan(2, size);
        bytes_ = bytes_.subspan(2 + size);
        return packet;
    }

private:
    std::span<const std::uint8_t> bytes_;
};

class QuietOutput final : public relay::Output {
public:
    Task<void> relay(int, relay::Stream) override { co_return; }
    Task<void> drain(int, relay::Stream) override { co_return; }
    Task<void> finish(std::chrono::nanoseconds) override { co_return; }
    bool is_held_up() const override { return false; }
    void rotate() override {}
    void add_viewer(relay::Viewer&) override { ++viewers; }
    void remove_viewer(relay::Viewer&) override { --viewers; }
    int viewers = 0;
};

class AnySubject final : public Subject {
public:
    explicit AnySubject(Loop& loop) : publication_(loop, log_) {
        publication_.take({}, []() -> Result<Fd> { return Error(ENOENT, "open"); });
    }
    relay::Output* output() override { return &output_; }
    int input() override { return input_.get(); }
    bool has_terminal() const override { return false; }
    void resize(const Resize&) override {}
    void close_input() override { input_.reset(); }
    void signal(int) override {}
    Publication& publication() override { return publication_; }
    bool awaits_ready() const override { return true; }
    int viewers() const { return output_.viewers; }

private:
    QuietOutput output_;
    Log log_;
    Publication publication_;
    Fd input_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
};

// Sends what the input says and reads all answers, until the monitor has closed or every packet is out.
Task<void> be_strange(Loop& loop, int socket, Packets packets) {
    while (auto packet = packets.next()) {
        // An empty packet is what the end of a connection looks like.
        if (packet->empty()) continue;
        auto sent = co_await settled(send(loop, socket, std::as_bytes(*packet)));
        if (!sent.ok()) break;
    }
    ::shutdown(socket, SHUT_WR);
    for (bool goes_on = true; goes_on;) {
        PacketBuffer buffer;
        auto got = co_await settled(recv(loop, socket, buffer));
        if (!got.ok() && got.error().code() == ECONNRESET) continue;
        goes_on = got.ok() && *got > 0;
        if (!goes_on) break;
        const auto kind = static_cast<Kind>(buffer[0]);
        URC_CHECK(kind == Kind::attached || kind == Kind::done || kind == Kind::refused);
        URC_CHECK(kind != Kind::attached || *got == 1 + sizeof(Attached));
    }
}

void serve_stranger(std::span<const std::uint8_t> input) {
    auto backend = open_backend();
    URC_CHECK(backend.ok());
    Loop loop(**backend);
    AnySubject subject(loop);
    Control control(loop, subject);
    Pair pair;
    // Nobody connects to it; the stranger is there already.
    Fd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const sa_family_t unnamed = AF_UNIX;
    URC_CHECK(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&unnamed), sizeof unnamed) == 0);
    URC_CHECK(::listen(listener.get(), 1) == 0);
    control.adopt(std::move(pair.near));
    auto ended = loop.run(race(loop, control.serve(listener.get()), subject.publication().serve(),
                               be_strange(loop, pair.far.get(), Packets(input))));
    URC_CHECK(ended.ok() && ended->index() == 2);
    URC_CHECK(subject.viewers() == 0);
}

void believe_monitor(std::span<const std::uint8_t> input) {
    Packets packets(input);
    while (auto packet = packets.next()) {
        Pair pair;
        if (::send(pair.far.get(), packet->data(), packet->size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) continue;
        pair.far.reset();
        PacketBuffer buffer;
        auto received = receive_packet(pair.near.get(), buffer);
        const bool is_one = !packet->empty() && packet->front() != 0 && packet->size() <= buffer.size();
        URC_CHECK(received.ok() == (is_one || packet->empty()));
        if (!received.ok() || !*received) continue;
        const Packet& got = **received;
        URC_CHECK(got.body.size() == packet->size() - 1);
        URC_CHECK(got.as<Lost>().has_value() == (got.body.size() >= sizeof(Lost)));
        (void)got.as<Ended>();
        (void)got.as<Attached>();
        (void)got.text();
        if (const auto port = got.as<Port>()) {
            const auto spec = unpack_spec(*port);
            URC_CHECK(!spec || unpack_spec(pack_port(*spec)) == spec);
        }
    }
}

}  // namespace
}  // namespace urc::monitor

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::span input(data + 1, size - 1);
    if (data[0] % 2 == 0) {
        urc::monitor::serve_stranger(input);
    } else {
        urc::monitor::believe_monitor(input);
    }
    return 0;
}
