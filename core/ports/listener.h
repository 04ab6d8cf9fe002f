// Listener: one published port that is open, and what all of them share.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "core/log.h"
#include "core/ports/address.h"
#include "core/ports/complaints.h"
#include "core/ports/copy.h"
#include "core/ports/datagram_batch.h"
#include "core/ports/descriptors.h"
#include "core/ports/dialer.h"
#include "core/ports/proxy_protocol.h"
#include "core/ports/socket_store.h"
#include "core/ports/sources.h"
#include "core/ports/spec.h"
#include "core/ports/stats.h"
#include "core/ports/unreachable.h"

namespace urc::ports {

// Of one network namespace; outlives its listeners.
struct Surroundings {
    // How long connections may go on after their port has been removed.
    static constexpr std::chrono::seconds kGrace{10};

    Loop& loop;
    SocketStore& sockets;
    const Sources& sources;
    Descriptors& descriptors;
    CopyShared& copy;
    const Log* log = nullptr;
    ProxyHeader proxy_header = ProxyHeader::none;
    std::chrono::nanoseconds grace = kGrace;
    // Who dials, when that is not done with the sockets.
    Dialer* dialer = nullptr;
    // The sockets may come from any address (transparent.h).
    bool is_transparent = false;
    std::unique_ptr<DatagramBatch> batch = std::make_unique<DatagramBatch>();
    std::unique_ptr<Unreachable> unreachable = std::make_unique<Unreachable>(loop);
};

class Listener {
public:
    Listener(const Surroundings& around, Fd socket, Spec spec, Address child) noexcept
        : around_(around),
          socket_(std::move(socket)),
          spec_(std::move(spec)),
          child_(child),
          complaints_(around.loop, around.log),
          removed_(around.loop),
          is_closed_(std::make_shared<Event>(around.loop)) {}
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    virtual ~Listener() = default;

    // Accepts until it is removed, then lets live connections go on for the grace. Ends by an Error when the
    // socket does.
    virtual Task<void> serve() = 0;

    // Comes back when the port is closed; serve() may go on.
    Task<void> remove() {
        const auto closed = is_closed_;
        removed_.set();
        co_await closed->wait();
    }

    // With the ports and addresses that were chosen.
    const Spec& spec() const noexcept { return spec_; }
    const Stats& stats() const noexcept { return stats_; }

protected:
    Loop& loop() const noexcept { return around_.loop; }
    void complain(std::string_view text) { complaints_.say(spec_text(spec_), text); }
    SocketKind socket_kind() const noexcept {
        if (is_tcp(spec_.protocol)) return child_.is_v6() ? SocketKind::tcp6 : SocketKind::tcp4;
        return child_.is_v6() ? SocketKind::udp6 : SocketKind::udp4;
    }
    Task<void> until_removed() { co_await removed_.wait(); }
    // Gives back the descriptors that are only held to be quick. False when there were none.
    bool drop_spare() noexcept;
    // Has `socket`, which will dial, come from an address that is not taken for the container's own.
    void bind_source(int socket) noexcept;

    const Surroundings& around_;
    Fd socket_;
    Spec spec_;
    Address child_;
    Stats stats_;
    Complaints complaints_;
    Event removed_;
    // Outlives the listener where somebody waits for it: with no connection left, both go at once.
    std::shared_ptr<Event> is_closed_;
};

}  // namespace urc::ports
