// Child: makes connections in a network namespace for a rootlesskit parent.
//
// It is the child's half of message.h: listens on .bp.sock in the parent's state directory, says so by
// .bp-ready.pipe, and answers each request with a connected socket. The sockets come from a Helper in the
// namespace, so that this process need not be there itself.
//
// Whoever is not on the host appears in the container by the container's own address (sources.h), and so does
// a client of which the parent does not say who it is: parents before version 3 never do.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/ports/helper.h"
#include "core/ports/rootlesskit/message.h"
#include "core/ports/socket_store.h"
#include "core/ports/sources.h"
#include "core/runtime.h"
#include "uring/nursery.h"

namespace urc::ports::rootlesskit {

class Child {
public:
    static constexpr std::size_t kConnectionsMax = 1024;
    // For a request to arrive, and to connect: a parent that has gone must not be waited for.
    static constexpr std::chrono::seconds kRequestMax{10};
    static constexpr std::chrono::seconds kConnectMax{30};

    // `network_namespace` and `log` are borrowed.
    Child(Loop& loop, Nursery& nursery, int network_namespace, HelperOptions helper, const Log* log) noexcept
        : loop_(loop),
          nursery_(nursery),
          log_(log),
          helper_(loop, network_namespace, helper),
          sockets_(loop, helper_, descriptors_, log),
          ended_(loop) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Once, before serve(): the helper is in the namespace.
    Task<void> start();
    // Accepts until it is cancelled. `listener` is borrowed.
    Task<void> serve(int listener);

private:
    class Counted;

    Task<void> answer(Fd connection);
    Task<void> keep_sources();
    Task<void> until_ended();
    Task<Fd> connect(DialRequest request);
    void bind_source(int socket, const Address& target, const DialRequest& request) noexcept;

    Loop& loop_;
    Nursery& nursery_;
    const Log* log_;
    Descriptors descriptors_ = Descriptors::by_limit();  // for what is in stock
    Helper helper_;
    SocketStore sockets_;
    Sources sources_;
    Event ended_;
    std::size_t connections_ = 0;
};

struct ChildOptions {
    std::string directory;
    // Where to: the namespace of a process, or the one at a path; neither: the caller's own.
    std::optional<pid_t> pid;
    std::string network_namespace;
    // As that of ProxyOptions.
    std::string notify_socket;
};

// In the foreground, until SIGTERM or SIGINT.
Result<void> run_child(const Global& global, const ChildOptions& options);

}  // namespace urc::ports::rootlesskit
