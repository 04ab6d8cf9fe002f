// TcpListener: accepts on the host, dials in the container, carries both ways.
//
//   accept4 --> socket of the stock, connect --+-- connected --> two Flows until both have ended
//                                              `-- refused ----> the client is reset at once
//
// A connection is one task with two polls that live as long as it does; between events it holds neither
// buffer nor pipe. The end of one direction is handed on (shutdown), so half-closed connections work in both
// orders. Where the application is to see who the client is (--source-ip transparent), the socket is bound to
// the client's address; the port is one that is free. A reset is handed on as a reset, at once when the
// client's side has it; from the container only after what was received before it.
#pragma once

#include "core/ports/listener.h"
#include "uring/nursery.h"

namespace urc::ports {

class TcpListener final : public Listener {
public:
    using Listener::Listener;

    Task<void> serve() override;

private:
    Task<void> accept_all(Nursery& connections);
    Task<void> until_room();
    Task<void> until_one_ends();
    Task<void> until_idle();
    Task<Fd> dial(int client, bool is_remote);
    // Has `server`, which will dial, come from where `client` does. False: that cannot be.
    bool bind_client(int server, int client);
    Task<void> carry(Fd client, bool is_remote, Descriptors::Share share);
    void refuse(int client, const Error& error);

    Event ended_{loop()};  // a connection has
};

}  // namespace urc::ports
