#include "core/ports/rootlesskit/child.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <vector>

#include "core/ports/rootlesskit/ready_pipe.h"
#include "core/ports/rootlesskit/unix_listener.h"
#include "core/ports/say_ready.h"
#include "core/process/limits.h"
#include "uring/open_backend.h"
#include "uring/ops_process.h"
#include "uring/ops_socket.h"
#include "uring/race.h"

namespace urc::ports::rootlesskit {

namespace {

Task<DialRequest> read_request(Loop& loop, int connection) {
    std::vector<std::byte> bytes(kFrameHeadSize);
    std::size_t held = 0;
    while (held < bytes.size()) {
        auto rest = std::span(bytes).subspan(held);
        const std::size_t size = co_await recv(loop, connection, rest);
        if (size == 0) co_await fail(Error::message("the request is not complete", EBADMSG));
        held += size;
        if (held != kFrameHeadSize) continue;
        const std::size_t size_of_body = co_await read_frame_head(std::span(bytes).first<kFrameHeadSize>());
        bytes.resize(kFrameHeadSize + size_of_body);
    }
    const auto body =
        std::string_view(reinterpret_cast<const char*>(bytes.data()), held).substr(kFrameHeadSize);
    co_return co_await read_request_body(body);
}

Task<void> reply_text(Loop& loop, int connection, std::string body) {
    const std::string frame = framed(body);
    co_await deadline(send(loop, connection, frame), Child::kRequestMax);
}

Result<Address> target_of(const DialRequest& request) {
    Spec spec;
    spec.protocol = request.protocol;
    spec.host_ip = request.parent_ip;
    spec.child_ip = request.ip;
    const std::string ip = choose_child_address(spec, request.host_gateway_ip);
    return Address::of(ip, request.port);
}

SocketKind kind_of(Protocol protocol, const Address& target) noexcept {
    if (is_tcp(protocol)) return target.is_v6() ? SocketKind::tcp6 : SocketKind::tcp4;
    return target.is_v6() ? SocketKind::udp6 : SocketKind::udp4;
}

}  // namespace

// A connection, as long as it is served.
class Child::Counted {
public:
    explicit Counted(Child& child) noexcept : child_(child) { ++child_.connections_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() {
        --child_.connections_;
        child_.ended_.set();
    }

private:
    Child& child_;
};

Task<void> Child::start() {
    co_await helper_.start();
    nursery_.spawn(sockets_.serve());
    co_await sources_.read(sockets_);
    nursery_.spawn(keep_sources());
}

Task<void> Child::keep_sources() {
    auto ended = co_await settled(sources_.watch(loop_, sockets_));
    if (ended.error().code() == ECANCELED || !log_) co_return;
    log_->warning("rootlesskit: changes of the container's addresses are not seen: ", ended.error().text());
}

Task<void> Child::serve(int listener) {
    for (;;) {
        while (connections_ >= kConnectionsMax) co_await ended_.wait();
        auto accepted = co_await settled(accept(loop_, listener));
        if (accepted.ok()) {
            nursery_.spawn(answer(std::move(accepted).value()));
        } else if (accepted.error().code() == EMFILE || accepted.error().code() == ENFILE) {
            (void)co_await settled(within(loop_, std::chrono::milliseconds(500), until_ended()));
        } else if (accepted.error().code() != ECONNABORTED) {
            co_await fail(accepted.error());
        }
    }
}

Task<void> Child::until_ended() {
    co_await ended_.wait();
}

// Whatever one connection comes to is no matter of the others.
Task<void> Child::answer(Fd connection) {
    const Counted counted(*this);
    auto asked = co_await settled(within(loop_, kRequestMax, read_request(loop_, connection.get())));
    if (!asked.ok()) {
        (void)co_await settled(reply_text(loop_, connection.get(), error_body(asked.error().text())));
        co_return;
    }
    if (asked->type == DialRequest::Type::init) {
        (void)co_await settled(reply_text(loop_, connection.get(), std::string(kInitReplyBody)));
        co_return;
    }
    auto dialed = co_await settled(connect(std::move(asked).value()));
    if (!dialed.ok()) {
        (void)co_await settled(reply_text(loop_, connection.get(), error_body(dialed.error().text())));
        co_return;
    }
    OutMessage message(std::as_bytes(std::span(kDummy)));
    (void)message.add_fd(dialed->get());
    (void)co_await settled(deadline(sendmsg(loop_, connection.get(), message), kRequestMax));
}

Task<Fd> Child::connect(DialRequest request) {
    const Address target = co_await target_of(request);
    Fd socket = co_await sockets_.get(kind_of(request.protocol, target));
    bind_source(socket.get(), target, request);
    auto connected = co_await settled(
        deadline(urc::connect(loop_, socket.get(), target.get(), target.size()), kConnectMax));
    if (!connected.ok()) co_await fail(Error(connected.error().code(), "connect", target.text()));
    co_return std::move(socket);
}

void Child::bind_source(int socket, const Address& target, const DialRequest& request) noexcept {
    // Elsewhere the kernel takes the address of the interface, which is none of loopback.
    if (!target.is_loopback()) return;
    const auto client = Address::of(request.source_ip, request.source_port);
    if (client.ok() && client.value().is_loopback()) return;
    const Address* source = sources_.find(target.is_v6());
    if (!source) return;
    const int one = 1;
    // The port is chosen by connect(2), which knows that one may serve several destinations.
    (void)::setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    (void)::bind(socket, source->get(), source->size());
}

namespace {

Result<Fd> open_namespace_of(const ChildOptions& options) {
    if (options.pid) return open_network_namespace(*options.pid);
    const bool is_own = options.network_namespace.empty();
    return open_network_namespace(is_own ? "/proc/self/ns/net" : options.network_namespace);
}

Task<void> until_signal(Loop& loop, const SignalFd& signals) {
    co_await signals.next(loop);
}

// What the children of the nursery refer to is in the same frame, which waits for them.
Task<void> be_child(Loop& loop, const Global& global, const ChildOptions& options) {
    // First, so that a signal that comes early is not lost.
    const SignalFd signals = co_await SignalFd::open(SIGTERM, SIGINT);
    HelperOptions helper;
    helper.is_there_already = !options.pid && options.network_namespace.empty();
    const Fd network_namespace = co_await open_namespace_of(options);
    Nursery nursery(loop);
    Child child(loop, nursery, network_namespace.get(), helper, &global.log);
    co_await child.start();
    const UnixListener listener = co_await UnixListener::open(options.directory + "/.bp.sock");
    nursery.spawn(child.serve(listener.get()));
    const auto told =
        co_await race(loop, tell_ready(loop, listener.directory()), until_signal(loop, signals));
    if (told.index() == 0) {
        if (!options.notify_socket.empty()) co_await say_ready(loop, global.log, options.notify_socket);
        co_await signals.next(loop);
    }
    nursery.cancel();
    co_await nursery.join();
}

}  // namespace

Result<void> run_child(const Global& global, const ChildOptions& options) {
    process::raise_descriptor_limit();
    URC_TRY(auto backend, open_backend());
    Loop loop(*backend);
    return loop.run(be_child(loop, global, options));
}

}  // namespace urc::ports::rootlesskit
