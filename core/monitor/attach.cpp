#include "core/monitor/attach.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "core/monitor/client.h"
#include "core/terminal/caller_stream.h"
#include "core/terminal/detach_keys.h"
#include "uring/event.h"
#include "uring/nursery.h"
#include "uring/open_backend.h"
#include "uring/ops_file.h"
#include "uring/ops_process.h"
#include "uring/race.h"

namespace urc {

namespace monitor {

namespace {

using terminal::CallerStream;
using terminal::Direction;

// What ends an attachment that is not to hand signals on; with those of the terminal.
sigset_t own_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal :
         {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGPIPE})
        sigaddset(&signals, signal);
    return signals;
}

// Everything that can be caught, but for what a fault of our own raises.
sigset_t proxied_signals() {
    sigset_t signals;
    sigfillset(&signals);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&signals, fault);
    return signals;
}

Error unexpected() {
    return Error(EPROTO, "receive from the container's monitor");
}

Result<AttachEnd> end_of(const Packet& packet) {
    auto ended = packet.as<Ended>();
    if (!ended) return unexpected();
    const int status = ended->wait_status;
    if (status == -1) return Error::message("the container has ended, with a status that is not known");
    return AttachEnd{.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
}

class Attachment {
public:
    Attachment(Loop& loop, const AttachSession& session, Attached answer, terminal::DetachKeys keys,
               bool is_proxy, bool wants_input)
        : loop_(loop),
          session_(session),
          answer_(answer),
          keys_(std::move(keys)),
          is_proxy_(is_proxy),
          wants_input_(wants_input && answer.has_input),
          caller_(session.streams),
          in_(session.streams.in, Direction::input),
          out_(session.streams.out, Direction::output),
          err_(session.streams.err, Direction::output),
          woken_(loop) {}

    // Raw before the first byte is shown, if there is a terminal to put into it.
    Result<void> take_terminal() {
        if (!has_terminal()) return {};
        return caller_.is_in_background() ? caller_.stop(SIGTTOU) : caller_.take();
    }

    Task<AttachEnd> run(const SignalFd& signals);

private:
    bool has_terminal() const { return answer_.has_terminal && wants_input_; }
    bool looks_for_keys() const { return in_.is_terminal(); }

    Task<AttachEnd> receive();
    Task<AttachEnd> send_input();
    Task<AttachEnd> obey(const SignalFd& signals);
    Task<std::optional<std::size_t>> read_input(std::span<std::byte> buffer);
    Task<void> write_packet(const CallerStream& out, std::span<const std::byte> bytes);
    Task<void> send(Kind kind, std::span<const std::byte> body);
    Task<void> send_size();
    void tell_lost(const Packet& packet);
    void go_on();

    Loop& loop_;
    const AttachSession& session_;
    Attached answer_;
    terminal::DetachKeys keys_;
    bool is_proxy_;
    bool wants_input_;
    terminal::Caller caller_;
    CallerStream in_, out_, err_;
    Event woken_;
};

Task<AttachEnd> Attachment::run(const SignalFd& signals) {
    co_await send_size();
    auto winner = co_await race(loop_, receive(), send_input(), obey(signals));
    co_return std::visit([](const AttachEnd& end) { return end; }, winner);
}

Task<AttachEnd> Attachment::receive() {
    PacketBuffer buffer;
    for (;;) {
        co_await poll(loop_, session_.socket.get(), POLLIN);
        auto packet = co_await receive_packet(session_.socket.get(), buffer);
        if (!packet) co_await fail(Error::message("the container's monitor has ended", ECONNRESET));
        switch (packet->kind) {
            case Kind::out:
                co_await write_packet(out_, packet->body);
                break;
            case Kind::err:
                co_await write_packet(err_, packet->body);
                break;
            case Kind::lost:
                tell_lost(*packet);
                break;
            case Kind::ended:
                co_return co_await end_of(*packet);
            default:
                // What a newer monitor tells is not for us; what it never says here shows that it is none.
                if (packet->kind <= Kind::refused) co_await fail(unexpected());
        }
    }
}

Task<void> Attachment::write_packet(const CallerStream& out, std::span<const std::byte> bytes) {
    co_await write_rest(loop_, out, bytes);
}

// Only a detaching ends this; at the end of the input there is still the output.
Task<AttachEnd> Attachment::send_input() {
    std::array<std::byte, kBodySizeMax> buffer;
    std::string typed;
    while (wants_input_) {
        auto count = co_await read_input(buffer);
        if (!count) continue;
        if (*count == 0) break;
        std::span<const std::byte> bytes = std::span(buffer).first(*count);
        bool is_detached = false;
        if (looks_for_keys()) {
            typed.clear();
            is_detached = keys_.filter(bytes, typed);
            bytes = std::as_bytes(std::span(typed));
        }
        co_await send(Kind::input, bytes);
        if (is_detached) co_return AttachEnd{.is_detached = true};
    }
    const std::string_view held = keys_.held();
    co_await send(Kind::input, std::as_bytes(std::span(held)));
    const std::span<const std::byte> nothing;
    // Who only watches leaves the container's stdin to others.
    if (wants_input_ && !answer_.has_terminal) co_await send(Kind::end_of_input, nothing);
    for (;;) co_await woken_.wait();
}

// Nothing: try again. In the background the terminal's keys are not for us.
Task<std::optional<std::size_t>> Attachment::read_input(std::span<std::byte> buffer) {
    auto count = co_await settled(read_some(loop_, in_, buffer));
    if (count.ok()) co_return *count;
    if (count.error().code() == EIO && caller_.is_in_background()) {
        co_await woken_.wait();
        co_return std::nullopt;
    }
    if (count.error().code() == ECANCELED) co_await fail(std::move(count).error());
    co_return 0;
}

Task<void> Attachment::send(Kind kind, std::span<const std::byte> body) {
    if (kind == Kind::input && body.empty()) co_return;
    do {
        const auto part = body.first(std::min(body.size(), kBodySizeMax));
        auto sent = send_packet(session_.socket.get(), kind, part);
        if (sent.ok()) {
            body = body.subspan(part.size());
        } else if (sent.error().code() == EAGAIN) {
            co_await poll(loop_, session_.socket.get(), POLLOUT);
        } else {
            co_return;  // the monitor has gone; what it said last is still to be read, and says why
        }
    } while (!body.empty());
}

Task<void> Attachment::send_size() {
    auto size = answer_.has_terminal ? caller_.size() : std::nullopt;
    if (!size) co_return;
    const Resize resize{.rows = size->ws_row, .columns = size->ws_col};
    co_await send(Kind::resize, std::as_bytes(std::span(&resize, 1)));
}

// The end by a signal that is not handed on: as a shell would say it, 128 + n.
Task<AttachEnd> Attachment::obey(const SignalFd& signals) {
    for (;;) {
        auto signal = co_await signals.next(loop_);
        const int number = static_cast<int>(signal.ssi_signo);
        switch (number) {
            case SIGTSTP:
            case SIGTTIN:
            case SIGTTOU:
                (void)caller_.stop(number);
                break;
            case SIGCONT:
                go_on();
                co_await send_size();
                break;
            case SIGWINCH:
                co_await send_size();
                break;
            case SIGCHLD:
            case SIGURG:
            case SIGPIPE:
                break;
            default:
                if (!is_proxy_) co_return AttachEnd{.status = 128 + number};
                session_.forward_signal(number);
        }
    }
}

void Attachment::go_on() {
    if (has_terminal()) (void)(caller_.is_in_background() ? caller_.stop(SIGTTOU) : caller_.take());
    woken_.set();
}

void Attachment::tell_lost(const Packet& packet) {
    auto lost = packet.as<Lost>();
    if (!lost) return;
    // A line that ends as lines do, not as in a raw terminal.
    caller_.give_back();
    session_.log.warning("attach: ", lost->bytes, " bytes of output were skipped: stdout took too long");
    if (has_terminal()) (void)caller_.take();
}

Result<Attached> ask(int socket, const AttachOptions& options) {
    const AttachRequest request{.wants_output = 1, .wants_input = !options.no_stdin};
    URC_TRY_VOID(send_packet(socket, Kind::attach, request));
    PacketBuffer buffer;
    URC_TRY(std::optional<Packet> answer, receive_packet(socket, buffer));
    if (!answer) return Error::message("the container's monitor has ended", ECONNRESET);
    if (answer->kind == Kind::refused) return Error::message(answer->text(), EACCES);
    auto attached = answer->kind == Kind::attached ? answer->as<Attached>() : std::nullopt;
    if (!attached) return unexpected();
    return *attached;
}

}  // namespace

Result<AttachEnd> attach_to(AttachSession session, const AttachOptions& options) {
    URC_TRY(terminal::DetachKeys keys, terminal::DetachKeys::parse(options.detach_keys));
    URC_TRY(Attached answer, ask(session.socket.get(), options));
    // The monitor may be slow, and the loop waits for nobody else's sake.
    if (::fcntl(session.socket.get(), F_SETFL, O_RDWR | O_NONBLOCK) < 0) return Error::last("fcntl");
    const bool is_proxy = options.sig_proxy.value_or(!answer.has_terminal);
    URC_TRY(SignalFd signals, SignalFd::open(is_proxy ? proxied_signals() : own_signals()));
    URC_TRY(std::unique_ptr<Backend> backend, open_backend());
    Loop loop(*backend);
    Attachment attachment(loop, session, answer, std::move(keys), is_proxy, !options.no_stdin);
    URC_TRY_VOID(attachment.take_terminal());
    return loop.run(attachment.run(signals));
}

}  // namespace monitor

Result<AttachEnd> attach(const Global& global, std::string_view id, const AttachOptions& options) {
    // A word that is wrong is told before anything is looked for.
    URC_TRY_VOID(terminal::DetachKeys::parse(options.detach_keys));
    URC_TRY(Store store, Store::open_existing(global.root));
    URC_TRY(StateDir dir, store.find(id));
    URC_TRY(Fd socket, monitor::connect_monitor(dir));
    // It may just have ended: then the monitor is about to say so.
    auto forward = [&](int signal) { (void)kill(global, id, {.signal = signal}); };
    return monitor::attach_to({.socket = std::move(socket), .log = global.log, .forward_signal = forward},
                              options);
}

}  // namespace urc
