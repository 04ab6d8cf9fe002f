#include "core/ports/rootlesskit/api_server.h"

#include <sys/socket.h>

#include <array>
#include <ctime>

#include "uring/ops_socket.h"
#include "uring/race.h"

namespace urc::ports::rootlesskit {

namespace {

bool is_trusted(int socket) noexcept {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == ::geteuid());
}

}  // namespace

Task<void> ApiServer::serve(int listener) {
    Nursery nursery(loop_);
    co_await accept_all(nursery, listener);
}

Task<void> ApiServer::until_ended() {
    co_await ended_.wait();
}

Task<void> ApiServer::accept_all(Nursery& nursery, int listener) {
    for (;;) {
        auto accepted = co_await settled(accept(loop_, listener));
        if (!accepted.ok()) {
            const int code = accepted.error().code();
            if (code == ECONNABORTED) continue;
            if (code != EMFILE && code != ENFILE) co_await fail(accepted.error());
            complaints_.say("api", accepted.error().text());
            (void)co_await settled(within(loop_, std::chrono::milliseconds(500), until_ended()));
            continue;
        }
        Fd client = std::move(accepted).value();
        if (!is_trusted(client.get())) {
            complaints_.say("api", "somebody else than the owner is not heard");
            continue;
        }
        // What it waits for ends, and with it the task.
        if (clients_.size() >= kClientsMax) ::shutdown(clients_.front().get(), SHUT_RDWR);
        while (clients_.size() >= kClientsMax) co_await ended_.wait();
        clients_.push_back(std::move(client));
        nursery.spawn(serve_client(std::prev(clients_.end())));
    }
}

// What becomes of one client is no matter of the others.
Task<void> ApiServer::serve_client(Clients::iterator client) {
    (void)co_await settled(answer_all(client));
    clients_.erase(client);
    ended_.set();
}

Task<void> ApiServer::answer_all(Clients::iterator client) {
    const int socket = client->get();
    HttpReader reader;
    for (bool goes_on = true; goes_on;) {
        co_await read_request(socket, reader);
        clients_.splice(clients_.end(), clients_, client);
        std::string text;
        if (reader.state() == HttpReader::State::bad) {
            text = problem_text(reader.problem());
            goes_on = false;
        } else {
            HttpRequest request = reader.request();
            const HttpResponse response = co_await api_.handle(std::move(request));
            text = response_text(response, reader.request(), ::time(nullptr));
            goes_on = reader.request().keeps_alive;
        }
        co_await deadline(send(loop_, socket, text), kRequestMax);
        if (goes_on) reader.next();
    }
    // A client that still sends would lose the answer to a reset.
    ::shutdown(socket, SHUT_WR);
    std::array<std::byte, 4096> rest;
    for (std::size_t size = 1, left = 64; size > 0 && left > 0; --left)
        size = co_await deadline(recv(loop_, socket, rest), std::chrono::seconds(1));
}

Task<void> ApiServer::read_request(int socket, HttpReader& reader) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    std::array<std::byte, 4096> buffer;
    auto until = loop_.now() + (reader.has_begun() ? kRequestMax : kIdleMax);
    while (reader.state() == HttpReader::State::reads) {
        if (reader.take_expectation()) co_await deadline(send(loop_, socket, kContinue), kRequestMax);
        const auto left = until - loop_.now();
        if (left.count() <= 0) co_await fail(Error(ETIMEDOUT, "recv"));
        const std::size_t size = co_await deadline(recv(loop_, socket, buffer), left);
        if (size == 0) co_await fail(Error(ECONNRESET, "recv"));
        if (!reader.has_begun()) until = loop_.now() + kRequestMax;
        reader.feed({reinterpret_cast<const char*>(buffer.data()), size});
    }
}

}  // namespace urc::ports::rootlesskit
