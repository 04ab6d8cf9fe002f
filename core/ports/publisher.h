// Publisher: the published ports of one network namespace.
//
//   Descriptors descriptors = Descriptors::by_limit();       // one each for a process
//   CopyShared copy(kernel_calls(), descriptors);
//   Nursery nursery(loop);
//   Publisher publisher(loop, nursery, std::move(network_namespace), descriptors, copy);
//   co_await publisher.start();                              // the helper is in the namespace
//   Spec open = co_await publisher.add(spec);                // accepts from now on; the ports are chosen
//   co_await publisher.remove(open);
//   nursery.cancel(); co_await nursery.join();               // before the Publisher goes
//
// A process may hold many. Everything runs as children of the nursery, and ends with it at once.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/ports/bound.h"
#include "core/ports/helper.h"
#include "core/ports/listener.h"
#include "core/ports/transparent.h"
#include "core/ports/udp.h"
#include "uring/nursery.h"

namespace urc::ports {

struct PublisherOptions {
    const Log* log = nullptr;  // outlives it
    ProxyHeader proxy_header = ProxyHeader::none;
    // The specs' addresses inside are chosen by rootlesskit's rule; empty: by that for no rules inside.
    std::string host_gateway_ip;
    HelperOptions helper;
    // Who dials in the namespace; then there is no helper, and no namespace need be given. Outlives it.
    Dialer* dialer = nullptr;
    std::chrono::nanoseconds udp_idle = UdpListener::kIdle;
    std::chrono::nanoseconds grace = Surroundings::kGrace;
};

class Publisher {
public:
    struct Entry {
        Spec spec;
        Stats stats;
    };

    Publisher(Loop& loop, Nursery& nursery, Fd network_namespace, Descriptors& descriptors, CopyShared& copy,
              PublisherOptions options = PublisherOptions());
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;
    ~Publisher();

    // Once, before the others. The Error says why the namespace cannot be joined.
    Task<void> start();

    // Opens the port; the spec with everything that was left open in it: its ports and addresses. The Error
    // is one line (listen.h).
    Result<Spec> add(Spec spec);
    // The same for one that is bound already; the caller has made sure that no two are alike.
    Result<void> add(BoundPort port);

    // Closes the port now; connections may go on for the grace, and are then reset. ENOENT: it is not there.
    // `spec` as add() gave it.
    Task<void> remove(Spec spec);

    // Those that are open.
    std::vector<Entry> list() const;

    // Until nothing of a port is left, neither listener nor connection. One task.
    Task<void> until_empty();

    const Helper& helper() const noexcept { return helper_; }
    // Sockets that are made and wait for a connection.
    std::size_t sockets_stocked() const noexcept { return sockets_.stocked(); }
    // How often the helper had to be started again.
    std::size_t helper_restarts() const noexcept { return sockets_.restarts(); }

private:
    struct Port {
        std::unique_ptr<Listener> listener;
        bool is_removed = false;
    };

    Result<void> open(const Spec& spec, Fd socket);
    Task<void> keep_sources();
    Task<void> serve(Port& port);

    Loop& loop_;
    Nursery& nursery_;
    PublisherOptions options_;
    Fd network_namespace_;
    std::optional<TransparentRoutes> routes_;  // outlives every socket that needs them
    Helper helper_;
    SocketStore sockets_;
    Sources sources_;
    Surroundings surroundings_;
    std::vector<std::unique_ptr<Port>> ports_;
    Event port_gone_;
};

}  // namespace urc::ports
