#include "core/ports/tcp.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "uring/ops_file.h"
#include "uring/race.h"
#include "uring/readiness.h"

namespace urc::ports {

namespace {

// Accepted in one turn.
constexpr int kAcceptMax = 64;

constexpr std::size_t kDescriptorsPerConnection = 2;

// Told as a reset, whatever is still to be sent.
void set_reset(int socket) noexcept {
    const linger at_once{1, 0};
    (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

int socket_error(int socket) noexcept {
    int code = 0;
    socklen_t size = sizeof code;
    return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? errno : code;
}

}  // namespace

// These two are in the frame of a member, which has no room for names of this file alone.
class Counted {
public:
    Counted(Stats& stats, Event& ended) noexcept : stats_(stats), ended_(ended) {
        ++stats_.connections;
        ++stats_.live;
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() {
        --stats_.live;
        ended_.set();
    }

private:
    Stats& stats_;
    Event& ended_;
};

// Both sockets of a connection and what goes between them. In the frame of its task.
class Connection {
public:
    Connection(Loop& loop, CopyShared& shared, int client, int server) noexcept
        : changed(loop),
          client_ready(loop, client, changed),
          server_ready(loop, server, changed),
          shared_(shared),
          client_(client),
          server_(server) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        // Cut off from outside: an orderly end would say that all has been sent.
        if (!up.is_over() || !down.is_over()) (void)reset();
        up.release(shared_);
        down.release(shared_);
    }

    // Moves what can be moved. False when it is over.
    bool advance() {
        // Nobody is left to bring anything to. Whoever waits to be taken further would not find out.
        if (client_ready.has(POLLERR)) return reset();
        if (can_go(up, client_ready, server_ready)) step(up, client_, server_, client_ready, server_ready);
        if (can_go(down, server_ready, client_ready))
            step(down, server_, client_, server_ready, client_ready);
        if (up.state() == Flow::State::from_bad || down.state() == Flow::State::from_bad ||
            down.state() == Flow::State::to_bad)
            return reset();
        if (up.state() == Flow::State::to_bad) {
            // The application takes nothing more, and what it has said before is still on its way.
            down.keep_end_to_itself();
            if (down.state() == Flow::State::ended) return reset();
        }
        return !up.is_over() || !down.is_over();
    }
    bool pauses() const noexcept {
        return up.state() == Flow::State::pauses || down.state() == Flow::State::pauses;
    }
    bool was_reset() const noexcept { return was_reset_; }

    Event changed;
    Readiness client_ready, server_ready;
    Flow up, down;

private:
    static constexpr unsigned kClosed = POLLRDHUP | POLLHUP | POLLERR;

    static bool can_go(const Flow& flow, const Readiness& from, const Readiness& to) noexcept {
        switch (flow.state()) {
            case Flow::State::reads:
                return from.has(POLLIN | kClosed);
            case Flow::State::writes:
                return to.has(POLLOUT | POLLHUP | POLLERR);
            case Flow::State::pauses:
                return true;
            default:
                return false;
        }
    }
    void step(Flow& flow, int from, int to, Readiness& from_ready, Readiness& to_ready) {
        const auto sender = from_ready.has(kClosed) ? Flow::Sender::has_closed : Flow::Sender::goes_on;
        const Flow::State state = flow.advance(shared_, from, to, sender);
        if (state == Flow::State::reads) from_ready.clear(POLLIN);
        if (state == Flow::State::writes) to_ready.clear(POLLOUT);
    }
    bool reset() noexcept {
        set_reset(client_);
        set_reset(server_);
        was_reset_ = true;
        return false;
    }

    CopyShared& shared_;
    int client_;
    int server_;
    bool was_reset_ = false;
};

namespace {

// Until the dial has its answer, or the client has gone.
Task<int> until_connected(Connection& connection, int server) {
    constexpr unsigned kAnswer = POLLOUT | POLLHUP | POLLERR;
    while (!connection.server_ready.has(kAnswer) && !connection.client_ready.has(POLLERR))
        co_await connection.changed.wait();
    if (connection.server_ready.has(POLLHUP | POLLERR)) co_return socket_error(server);
    co_return connection.client_ready.has(POLLERR) ? ECONNRESET : 0;
}

void put_header(ProxyHeader version, int client, Flow& up) {
    Address peer, host;
    socklen_t peer_size = Address::kSizeMax;
    socklen_t host_size = Address::kSizeMax;
    // A client that has gone already is noticed soon enough.
    if (::getpeername(client, peer.get(), &peer_size) < 0) return;
    if (::getsockname(client, host.get(), &host_size) < 0) return;
    up.put_first(ProxyHeaderBytes(version, peer, host).bytes());
}

bool is_about_one_connection(int code) noexcept {
    // accept(2): what the network has to say about it arrives here.
    switch (code) {
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case EPERM:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH:
            return true;
        default:
            return false;
    }
}

bool is_lack(int code) noexcept {
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

}  // namespace

Task<void> TcpListener::serve() {
    Nursery connections(loop());
    auto ended = co_await settled(race(loop(), accept_all(connections), until_removed()));
    socket_.reset();
    is_closed_->set();
    if (!ended.ok()) co_await fail(ended.error());
    (void)co_await settled(within(loop(), around_.grace, until_idle()));
    connections.cancel();
    co_await connections.join();
}

Task<void> TcpListener::until_idle() {
    while (stats_.live > 0) co_await ended_.wait();
}

Task<void> TcpListener::until_room() {
    if (drop_spare()) co_return;
    ++stats_.pauses;
    complain("no descriptor is left for another connection; accepting goes on when one ends");
    Waiters::Place place(loop(), around_.descriptors.waiters());
    // Somebody else may have taken them, who does not count.
    (void)co_await settled(within(loop(), std::chrono::milliseconds(500), place.called()));
}

Task<void> TcpListener::until_one_ends() {
    ++stats_.pauses;
    complain("has its " + std::to_string(spec_.max) + " connections; accepting goes on when one ends");
    const std::uint64_t live = stats_.live;
    while (stats_.live >= live) co_await ended_.wait();
}

Task<void> TcpListener::accept_all(Nursery& connections) {
    Event changed(loop());
    Readiness ready(loop(), socket_.get(), changed);
    ready.watch();
    for (int in_turn = 0;; ++in_turn) {
        if (!around_.descriptors.has_room(kDescriptorsPerConnection)) {
            co_await until_room();
            continue;
        }
        if (spec_.max > 0 && stats_.live >= spec_.max) {
            co_await until_one_ends();
            continue;
        }
        if (in_turn == kAcceptMax) {
            in_turn = 0;
            co_await nop(loop());
        }
        Address peer;
        socklen_t size = Address::kSizeMax;
        Fd client(::accept4(socket_.get(), peer.get(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (client) {
            auto share = around_.descriptors.take_share(kDescriptorsPerConnection);
            connections.spawn(carry(std::move(client), !peer.is_loopback(), std::move(*share)));
            continue;
        }
        const int code = errno;
        if (code == EAGAIN) {
            ready.clear(POLLIN);
            in_turn = 0;
            co_await changed.wait();
        } else if (is_lack(code)) {
            co_await until_room();
        } else if (!is_about_one_connection(code)) {
            co_await fail(Error(code, "accept", spec_text(spec_)));
        }
    }
}

void TcpListener::refuse(int client, const Error& error) {
    set_reset(client);
    // The port goes, or urc does.
    if (error.code() == ECANCELED) return;
    ++stats_.errors;
    complain(error.text());
}

bool TcpListener::bind_client(int server, int client) {
    Address peer;
    socklen_t size = Address::kSizeMax;
    // One that has gone already is noticed soon enough.
    if (::getpeername(client, peer.get(), &size) < 0) return false;
    peer = peer.unmapped();
    if (peer.is_v6() != child_.is_v6()) {
        complain("clients of the other IP version appear with the container's address");
        return false;
    }
    // Its port may be in TIME_WAIT or otherwise taken in there.
    peer.set_port(0);
    const int one = 1;
    (void)::setsockopt(server, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (::bind(server, peer.get(), peer.size()) == 0) return true;
    complain(Error::last("bind", peer.ip()).text());
    return false;
}

// A socket that is connected, or on its way to be.
Task<Fd> TcpListener::dial(int client, bool is_remote) {
    if (around_.dialer) {
        Address peer;
        socklen_t size = Address::kSizeMax;
        if (::getpeername(client, peer.get(), &size) < 0) co_await fail(Error::last("getpeername"));
        co_return co_await around_.dialer->dial(spec_, peer.unmapped());
    }
    Fd server;
    if (auto stocked = around_.sockets.take(socket_kind()))
        server = std::move(*stocked);
    else
        server = co_await around_.sockets.get(socket_kind());
    if (is_remote && !(around_.is_transparent && bind_client(server.get(), client)))
        bind_source(server.get());
    if (::connect(server.get(), child_.get(), child_.size()) < 0 && errno != EINPROGRESS)
        co_await fail(Error::last("connect", child_.text()));
    co_return std::move(server);
}

Task<void> TcpListener::carry(Fd client, bool is_remote, [[maybe_unused]] Descriptors::Share share) {
    const Counted counted(stats_, ended_);
    auto dialed = co_await settled(dial(client.get(), is_remote));
    if (!dialed.ok()) {
        refuse(client.get(), dialed.error());
        co_return;
    }
    const Fd server = std::move(dialed).value();

    Connection connection(loop(), around_.copy, client.get(), server.get());
    connection.client_ready.watch();
    connection.server_ready.watch();
    int code = co_await until_connected(connection, server.get());
    if (code != 0) refuse(client.get(), Error(code, "connect", child_.text()));
    if (code == 0 && around_.proxy_header != ProxyHeader::none) {
        put_header(around_.proxy_header, client.get(), connection.up);
        (void)connection.up.advance(around_.copy, client.get(), server.get(), Flow::Sender::has_closed);
    }
    for (bool goes_on = code == 0; goes_on;) {
        const std::uint64_t up = connection.up.bytes();
        const std::uint64_t down = connection.down.bytes();
        goes_on = connection.advance();
        stats_.bytes_in += connection.up.bytes() - up;
        stats_.bytes_out += connection.down.bytes() - down;
        if (!goes_on) break;
        if (connection.pauses())
            co_await nop(loop());
        else
            co_await connection.changed.wait();
    }
    if (connection.was_reset()) ++stats_.errors;
    connection.client_ready.begin_close();
    connection.server_ready.begin_close();
    co_await connection.client_ready.close();
    co_await connection.server_ready.close();
}

}  // namespace urc::ports
