// The ports of a container, asked of who attends it and changed there (core/monitor). state.json follows
// under the container's lock; what was handed over to the container stands there alone.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "core/lifecycle/await.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/find.h"
#include "core/lifecycle/hold.h"
#include "core/monitor/client.h"
#include "core/monitor/monitor.h"
#include "core/monitor/port_packet.h"

namespace urc {
namespace {

using monitor::Kind;
using ports::Spec;

bool is_nobody(const Error& error) {
    return error.code() == ENOENT || error.code() == ECONNREFUSED;
}

Error strange_answer() {
    return Error(EPROTO, "receive from the container's monitor");
}

// The next port(Port); nullopt: done.
Result<std::optional<PublishedPort>> receive_port(int socket) {
    monitor::PacketBuffer buffer;
    URC_TRY(std::optional<monitor::Packet> packet, monitor::receive_packet(socket, buffer));
    if (!packet) return Error::message("the container's monitor has ended", ECONNRESET);
    if (packet->kind == Kind::refused) return Error::message(packet->text(), EACCES);
    if (packet->kind == Kind::done) return std::optional<PublishedPort>();
    const auto port = packet->kind == Kind::port ? packet->as<monitor::Port>() : std::nullopt;
    auto spec = port ? monitor::unpack_spec(*port) : std::nullopt;
    if (!spec) return strange_answer();
    return std::optional(PublishedPort{std::move(*spec), monitor::unpack_stats(*port)});
}

Result<Spec> add_port(int socket, const Spec& spec) {
    URC_TRY_VOID(monitor::send_packet(socket, Kind::add_port, monitor::pack_port(spec)));
    URC_TRY(std::optional<PublishedPort> port, receive_port(socket));
    if (!port) return strange_answer();
    return std::move(port->spec);
}

Result<void> remove_port(int socket, const Spec& spec) {
    URC_TRY_VOID(monitor::send_packet(socket, Kind::remove_port, monitor::pack_port(spec)));
    URC_TRY(std::optional<PublishedPort> port, receive_port(socket));
    return port ? Result<void>(strange_answer()) : Result<void>{};
}

Result<void> collect_relayed(int socket, std::vector<PublishedPort>& into) {
    URC_TRY_VOID(monitor::send_packet(socket, Kind::list_ports));
    for (;;) {
        URC_TRY(std::optional<PublishedPort> port, receive_port(socket));
        if (!port) return {};
        into.push_back(std::move(*port));
    }
}

Result<std::vector<PublishedPort>> collect(const StateDir& dir, const State& state) {
    std::vector<PublishedPort> all;
    for (const Spec& spec : state.ports)
        if (spec.handover) all.push_back({spec, {}});
    auto connected = monitor::connect_monitor(dir);
    if (!connected.ok() && is_nobody(connected.error())) return all;
    if (!connected.ok()) return std::move(connected).error();
    URC_TRY_VOID(collect_relayed(connected->get(), all));
    return all;
}

bool is_meant(const Spec& wanted, const Spec& there) {
    Spec completed = wanted;
    if (completed.child_ip.empty()) completed.child_ip = there.child_ip;
    completed.handover = there.handover;
    completed.max = there.max;
    return completed == there;
}

// All that were opened, or none.
Result<std::vector<Spec>> add_all(int socket, std::span<const Spec> specs) {
    std::vector<Spec> opened;
    for (const Spec& spec : specs) {
        auto added = add_port(socket, spec);
        if (!added.ok()) {
            for (const Spec& one : opened) (void)remove_port(socket, one);
            return std::move(added).error();
        }
        opened.push_back(std::move(*added));
    }
    return opened;
}

}  // namespace

Result<std::vector<PublishedPort>> list_ports(const Global& global, std::string_view id) {
    URC_TRY(Store store, Store::open(global.root));
    URC_TRY(StateDir dir, store.find(id));
    URC_TRY(const State state, load_container(dir));
    if (compute_status(dir, state, is_frozen) == Status::stopped) return not_running();
    URC_TRY(std::vector<PublishedPort> all, collect(dir, state));
    if (all.size() < state.ports.size())
        global.log.warning("port list ", id, ": ", state.ports.size() - all.size(),
                           " more were published by a monitor that was killed; `port add` opens them again");
    return all;
}

Result<std::vector<Spec>> add_ports(const Global& global, std::string_view id, std::span<const Spec> specs) {
    for (const Spec& spec : specs)
        if (spec.handover)
            return Error::message("publish: " + spec_text(spec) +
                                  ": a socket can only be handed over to a container that is being made");
    URC_TRY(Held held, hold(global, id));
    if (held.status == Status::stopped) return not_running();
    auto connected = monitor::connect_monitor(held.dir);
    Pidfd started;
    if (!connected.ok() && is_nobody(connected.error())) {
        URC_TRY(started, monitor::start_monitor(global, held));
        connected = monitor::connect_monitor(held.dir);
    }
    auto opened = connected.ok() ? add_all(connected->get(), specs) : std::move(connected).error();
    if (opened.ok()) {
        held.state.ports.insert(held.state.ports.end(), opened->begin(), opened->end());
        auto saved = held.dir.save(held.state);
        if (!saved.ok()) opened = std::move(saved).error();
    }
    // One that has nothing to do would stay until the container ends.
    if (!opened.ok() && started) {
        kill_and_reap(started);
        ::unlinkat(held.dir.fd(), monitor::kMonitorSocket, 0);
    }
    return opened;
}

Result<void> remove_ports(const Global& global, std::string_view id, std::span<const Spec> specs) {
    URC_TRY(Held held, hold(global, id));
    if (held.status == Status::stopped) return not_running();
    URC_TRY(const std::vector<PublishedPort> all, collect(held.dir, held.state));
    std::vector<Spec> found;
    for (const Spec& wanted : specs) {
        const auto port = std::ranges::find_if(
            all, [&wanted](const PublishedPort& each) { return is_meant(wanted, each.spec); });
        if (port == all.end())
            return Error::message("publish: " + spec_text(wanted) + ": there is no such port", ENOENT);
        if (port->spec.handover)
            return Error::message("publish: " + spec_text(port->spec) +
                                  ": the container has the socket itself");
        found.push_back(port->spec);
    }
    URC_TRY(const Fd socket, monitor::connect_monitor(held.dir));
    Result<void> removed;
    for (const Spec& spec : found) {
        removed = remove_port(socket.get(), spec);
        if (!removed.ok()) break;
        std::erase(held.state.ports, spec);
    }
    auto saved = held.dir.save(held.state);
    return removed.ok() ? std::move(saved) : std::move(removed);
}

}  // namespace urc
