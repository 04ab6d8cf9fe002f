#include "core/ports/rootlesskit/parent.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <vector>

#include "core/ports/rootlesskit/unix_listener.h"
#include "uring/file.h"
#include "uring/ops_socket.h"
#include "uring/race.h"

namespace urc::ports::rootlesskit {

namespace {

constexpr char kSocketName[] = ".bp.sock";

Error child_error(std::string_view text) {
    return Error::message("rootlesskit's child: " + std::string(text), EPROTO);
}

// The child is in the container's world, and may hand over whatever it likes.
Result<void> check_socket(int socket, const Spec& spec) {
    int type = 0, domain = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
        type != (is_tcp(spec.protocol) ? SOCK_STREAM : SOCK_DGRAM) ||
        (domain != AF_INET && domain != AF_INET6))
        return child_error("the descriptor is not what was asked for");
    return {};
}

// What a helper gives its sockets.
Result<void> set_up(int socket, const Spec& spec) {
    URC_TRY_VOID(check_socket(socket, spec));
    const int flags = ::fcntl(socket, F_GETFL);
    if (flags < 0 || ::fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0) return Error::last("fcntl");
    if (!is_tcp(spec.protocol)) return {};
    const int one = 1;
    (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    return {};
}

}  // namespace

// Counted as long as it is asked.
class Parent::Question {
public:
    explicit Question(Parent& parent) noexcept : parent_(parent) { ++parent_.questions_; }
    Question(const Question&) = delete;
    Question& operator=(const Question&) = delete;
    ~Question() {
        --parent_.questions_;
        parent_.waiters_.call_one();
    }

private:
    Parent& parent_;
};

Task<void> Parent::start() {
    directory_ = co_await open_at(AT_FDCWD, path_.c_str(), O_PATH | O_DIRECTORY);
    DialRequest init;
    init.type = DialRequest::Type::init;
    const Reply reply = co_await within(loop_, kAnswerMax, ask(framed(request_body(init))));
    if (reply.socket) co_await fail(child_error("a descriptor that nobody has asked for"));
    if (!reply.error.empty()) co_await fail(child_error(reply.error));
}

Task<Fd> Parent::dial(const Spec& spec, Address client) {
    while (questions_ >= kQuestionsMax) {
        Waiters::Place place(loop_, waiters_);
        co_await place.called();
    }
    const Question question(*this);
    DialRequest request;
    request.protocol = spec.protocol;
    request.ip = spec.child_ip;
    request.port = spec.child_port;
    request.parent_ip = spec.host_ip;
    // A child of version 3 lets the connection come from there; UDP it breaks that way.
    if (is_tcp(spec.protocol) && !client.is_loopback()) {
        request.source_ip = client.ip();
        request.source_port = client.port();
    }
    Reply reply = co_await within(loop_, kAnswerMax, ask(framed(request_body(request))));
    if (!reply.socket && reply.error.empty()) co_await fail(child_error("no descriptor"));
    if (!reply.socket) co_await fail(child_error(reply.error));
    co_await set_up(reply.socket.get(), spec);
    co_return std::move(reply.socket);
}

Task<Fd> Parent::connect() {
    for (unsigned tries = 0;; ++tries) {
        auto socket = connect_below(directory_.get(), kSocketName);
        if (socket.ok()) co_return std::move(socket).value();
        if (socket.error().code() != EAGAIN || tries == kTriesMax) co_await fail(socket.error());
        co_await sleep(loop_, std::chrono::milliseconds(5 * tries));
    }
}

Task<Parent::Reply> Parent::ask(std::string frame) {
    const Fd connection = co_await connect();
    co_await send(loop_, connection.get(), frame);
    ::shutdown(connection.get(), SHUT_WR);

    // "dummy" with a descriptor, or a frame, in however many pieces.
    std::vector<std::byte> bytes(kFrameHeadSize);
    std::size_t held = 0;
    Reply reply;
    while (held < bytes.size()) {
        const std::span<std::byte> rest(bytes.data() + held, bytes.size() - held);
        InMessage message(rest);
        const std::size_t size = co_await recvmsg(loop_, connection.get(), message);
        if (message.fds().size() > 1) co_await fail(child_error("more than one descriptor"));
        if (message.fds().size() == 1) {
            reply.socket = std::move(message.fds().front());
            co_return std::move(reply);
        }
        if (message.is_control_cut()) co_await fail(Error(EMFILE, "recvmsg", kSocketName));
        if (size == 0) co_await fail(child_error("no answer"));
        held += size;
        if (held != kFrameHeadSize) continue;
        const std::size_t size_of_body = co_await read_frame_head(std::span(bytes).first<kFrameHeadSize>());
        bytes.resize(kFrameHeadSize + size_of_body);
    }
    const auto body =
        std::string_view(reinterpret_cast<const char*>(bytes.data()), held).substr(kFrameHeadSize);
    reply.error = co_await read_reply_body(body);
    co_return std::move(reply);
}

}  // namespace urc::ports::rootlesskit
