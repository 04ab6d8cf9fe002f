// ApiServer: the HTTP server of a PortApi, on a Unix socket.
//
// A client has kRequestMax from the first byte of a request to its last, and kIdleMax between two. There are
// at most kClientsMax; a new one takes the place of the one that has had nothing to ask for longest. Who is
// neither the owner nor root is not heard: the socket is the owner's alone, but descriptors travel.
#pragma once

#include <chrono>
#include <list>

#include "core/log.h"
#include "core/ports/complaints.h"
#include "core/ports/rootlesskit/port_api.h"
#include "uring/event.h"
#include "uring/nursery.h"

namespace urc::ports::rootlesskit {

class ApiServer {
public:
    static constexpr std::size_t kClientsMax = 32;
    static constexpr std::chrono::seconds kRequestMax{10};
    static constexpr std::chrono::seconds kIdleMax{90};

    ApiServer(Loop& loop, PortApi& api, const Log* log = nullptr) noexcept
        : loop_(loop), api_(api), complaints_(loop, log), ended_(loop) {}
    ApiServer(const ApiServer&) = delete;
    ApiServer& operator=(const ApiServer&) = delete;

    // Accepts until it is cancelled. `listener` is borrowed.
    Task<void> serve(int listener);

private:
    // In the order in which they asked last.
    using Clients = std::list<Fd>;

    Task<void> accept_all(Nursery& nursery, int listener);
    Task<void> until_ended();
    Task<void> serve_client(Clients::iterator client);
    Task<void> answer_all(Clients::iterator client);
    Task<void> read_request(int socket, HttpReader& reader);

    Loop& loop_;
    PortApi& api_;
    Complaints complaints_;
    Event ended_;
    Clients clients_;
};

}  // namespace urc::ports::rootlesskit
