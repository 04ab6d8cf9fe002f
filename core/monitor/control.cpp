#include "core/monitor/control.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/monitor/client.h"
#include "core/monitor/port_packet.h"
#include "uring/deadline.h"
#include "uring/ops_socket.h"
#include "uring/race.h"
#include "uring/stream.h"

namespace urc::monitor {

namespace {
// What a client may leave unread before it loses output; of other packets there are few.
constexpr std::size_t kQueuedBytesMax = 256 << 10;
constexpr std::size_t kClientsMax = 64;
}  // namespace

// One connection. Lives in the frame of the task that attends it.
class Client final : public relay::Viewer {
public:
    Client(Loop& loop, Fd connection, bool awaits_ready)
        : connection_(std::move(connection)), awaits_ready_(awaits_ready), wake_(loop) {}

    void output(relay::Stream stream, std::span<const std::byte> bytes) noexcept override {
        const Kind kind = stream == relay::Stream::out ? Kind::out : Kind::err;
        while (!bytes.empty()) {
            const auto part = bytes.first(std::min(bytes.size(), kBodySizeMax));
            bytes = bytes.subspan(part.size());
            if (queued_bytes_ + part.size() > kQueuedBytesMax) {
                lost_ += part.size();
                continue;
            }
            tell_of_loss();
            push(kind, part);
        }
    }

    // Nothing comes after the last packet: it is closed then.
    void push(Kind kind, std::span<const std::byte> body = {}) {
        if (is_last_queued_) return;
        std::string packet(1 + body.size(), static_cast<char>(kind));
        if (!body.empty()) std::memcpy(packet.data() + 1, body.data(), body.size());
        queued_bytes_ += packet.size();
        queue_.push_back(std::move(packet));
        wake_.set();
    }
    template <typename Body>
    void push_body(Kind kind, const Body& body) {
        push(kind, std::as_bytes(std::span(&body, 1)));
    }
    void refuse(std::string_view why) {
        push(Kind::refused, std::as_bytes(std::span(why)));
        is_last_queued_ = true;
    }
    // No to one question; others may follow.
    void decline(std::string_view why) {
        why = why.substr(0, kBodySizeMax);
        push(Kind::refused, std::as_bytes(std::span(why)));
    }
    void end(int wait_status) {
        tell_of_loss();
        push_body(Kind::ended, Ended{wait_status});
        is_last_queued_ = true;
    }
    void ready() {
        if (std::exchange(awaits_ready_, false)) push(Kind::done);
    }

    int fd() const { return connection_.get(); }
    bool is_attached = false;
    bool awaits_ready() const { return awaits_ready_; }
    void await_ready() { awaits_ready_ = true; }

    // Sends what is queued, until the last packet of all has gone.
    Task<void> write_packets(Loop& loop) {
        for (;;) {
            while (!queue_.empty()) {
                const std::string packet = std::move(queue_.front());
                queue_.pop_front();
                auto sent = co_await settled(send(loop, fd(), packet));
                queued_bytes_ -= packet.size();
                if (!sent.ok()) co_return;
            }
            if (is_last_queued_) co_return;
            co_await wake_.wait();
        }
    }

private:
    void tell_of_loss() {
        if (lost_ > 0) push_body(Kind::lost, Lost{std::exchange(lost_, 0)});
    }

    Fd connection_;
    bool awaits_ready_;
    bool is_last_queued_ = false;
    std::uint64_t lost_ = 0;
    std::size_t queued_bytes_ = 0;
    std::deque<std::string> queue_;
    Event wake_;
};

namespace {

// Writes all of it, or gives up when the container's side is gone. To a descriptor of its own: another client
// may close the input meanwhile, and its number may then be somebody else's.
Task<void> write_input(Loop& loop, Subject& subject, std::span<const std::byte> bytes) {
    if (subject.input() < 0) co_return;
    const Fd input(::fcntl(subject.input(), F_DUPFD_CLOEXEC, 0));
    if (!input) co_return;
    auto written = co_await settled(write(loop, input.get(), bytes));
    if (!written.ok() && written.error().code() != ECANCELED) subject.close_input();
}

void attach(Client& client, Subject& subject, const AttachRequest& request) {
    relay::Output* output = subject.output();
    if (!output)
        return client.refuse("the container's output is not relayed: it was started without --log-driver");
    const Attached attached{.has_terminal = subject.has_terminal(), .has_input = subject.input() >= 0};
    client.push_body(Kind::attached, attached);
    if (request.wants_output && !std::exchange(client.is_attached, true)) output->add_viewer(client);
}

void rotate(Client& client, Subject& subject) {
    if (!subject.output()) return client.refuse("the container has no log");
    subject.output()->rotate();
    client.push(Kind::done);
}

void await_ready(Client& client, Subject& subject) {
    client.await_ready();
    if (!subject.awaits_ready()) client.ready();
}

void tell_ports(Client& client, Subject& subject) {
    for (const auto& entry : subject.publication().list())
        client.push_body(Kind::port, pack_port(entry.spec, entry.stats));
    client.push(Kind::done);
}

// False when the packet is none.
bool obey(Client& client, Subject& subject, const Packet& packet) {
    switch (packet.kind) {
        case Kind::attach: {
            auto request = packet.as<AttachRequest>();
            if (request) attach(client, subject, *request);
            return request.has_value();
        }
        case Kind::end_of_input:
            subject.close_input();
            return true;
        case Kind::resize: {
            auto size = packet.as<Resize>();
            if (size) subject.resize(*size);
            return size.has_value();
        }
        case Kind::rotate:
            rotate(client, subject);
            return true;
        case Kind::list_ports:
            tell_ports(client, subject);
            return true;
        case Kind::await_ready:
            await_ready(client, subject);
            return true;
        case Kind::signal: {
            auto signal = packet.as<Signal>();
            if (signal) subject.signal(signal->number);
            return signal.has_value();
        }
        default:
            return false;
    }
}

Task<void> change_ports(Client& client, Subject& subject, Kind kind, ports::Spec spec) {
    if (kind == Kind::add_port) {
        auto added = co_await settled(subject.publication().add(std::move(spec)));
        if (added.ok())
            client.push_body(Kind::port, pack_port(*added));
        else
            client.decline(added.error().text());
        co_return;
    }
    auto removed = co_await settled(subject.publication().remove(std::move(spec)));
    if (removed.ok())
        client.push(Kind::done);
    else
        client.decline(removed.error().text());
}

// Until the client has gone. One that is refused is listened to no more, and still gets the word.
Task<void> read_packets(Loop& loop, Client& client, Subject& subject) {
    auto buffer = std::make_unique<PacketBuffer>();
    bool is_refused = false;
    for (;;) {
        auto got = co_await settled(recv(loop, client.fd(), *buffer, MSG_TRUNC));
        if (!got.ok() || *got == 0) co_return;
        if (is_refused) continue;
        is_refused = *got > buffer->size();
        if (is_refused) {
            client.refuse("a packet that is too long");
            continue;
        }
        const Packet packet{static_cast<Kind>((*buffer)[0]), std::span(*buffer).subspan(1, *got - 1)};
        if (packet.kind == Kind::input) {
            co_await write_input(loop, subject, packet.body);
            continue;
        }
        if (packet.kind == Kind::add_port || packet.kind == Kind::remove_port) {
            const auto port = packet.as<Port>();
            auto spec = port ? unpack_spec(*port) : std::nullopt;
            if (spec) {
                co_await change_ports(client, subject, packet.kind, std::move(*spec));
                continue;
            }
        }
        is_refused = !obey(client, subject, packet);
        if (is_refused) client.refuse("a packet that is not understood");
    }
}

}  // namespace

Control::Control(Loop& loop, Subject& subject) : loop_(loop), subject_(subject), client_left_(loop) {}
Control::~Control() = default;

void Control::adopt(Fd connection) {
    if (attending_)
        attending_->spawn(attend_client(std::move(connection), true));
    else
        adopted_.push_back(std::move(connection));
}

Task<void> Control::attend_client(Fd connection, bool awaits_ready) {
    Client client(loop_, std::move(connection), awaits_ready);
    clients_.push_back(&client);
    if (has_ended_) client.end(wait_status_);
    if (!subject_.awaits_ready()) client.ready();
    // Whichever is over first: it has gone, or it has got its last packet.
    (void)co_await settled(race(loop_, read_packets(loop_, client, subject_), client.write_packets(loop_)));
    if (client.is_attached) subject_.output()->remove_viewer(client);
    std::erase(clients_, &client);
    client_left_.set();
}

Task<void> Control::accept_clients(Nursery& nursery, int listener) {
    for (Fd& connection : adopted_) nursery.spawn(attend_client(std::move(connection), true));
    adopted_.clear();
    AcceptStream connections(loop_, listener);
    for (;;) {
        auto connection = co_await settled(connections.next());
        if (!connection.ok() && connection.error().code() == ECANCELED) break;
        // EMFILE and its like pass; whoever wanted to connect is closed by the kernel, or waits.
        if (!connection.ok()) {
            co_await sleep(loop_, std::chrono::milliseconds(100));
            continue;
        }
        // The nursery's children are this task and one a client; many that came at once are not yet in
        // clients_.
        if (nursery.children() <= kClientsMax) nursery.spawn(attend_client(std::move(*connection), false));
    }
    co_await connections.close();
}

Task<void> Control::serve(int listener) {
    Nursery nursery(loop_);
    nursery.spawn(accept_clients(nursery, listener));
    attending_ = &nursery;
    auto joined = co_await settled(nursery.join());
    attending_ = nullptr;
    co_await std::move(joined);
}

static Task<void> one_left(Event& client_left) {
    co_await client_left.wait();
}

void Control::ready() {
    for (Client* client : clients_) client->ready();
}

Task<void> Control::finish(int wait_status, std::chrono::nanoseconds bound) {
    has_ended_ = true;
    wait_status_ = wait_status;
    for (Client* client : clients_) client->end(wait_status);
    const auto until = loop_.now() + bound;
    while (!clients_.empty() && loop_.now() < until)
        (void)co_await settled(within(loop_, until - loop_.now(), one_left(client_left_)));
}

}  // namespace urc::monitor
