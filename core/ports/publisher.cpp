#include "core/ports/publisher.h"

#include <algorithm>
#include <utility>

#include "core/ports/listen.h"
#include "core/ports/tcp.h"
#include "core/ports/udp.h"

namespace urc::ports {

Publisher::Publisher(Loop& loop, Nursery& nursery, Fd network_namespace, Descriptors& descriptors,
                     CopyShared& copy, PublisherOptions options)
    : loop_(loop),
      nursery_(nursery),
      options_(std::move(options)),
      network_namespace_(std::move(network_namespace)),
      helper_(loop, network_namespace_.get(), options_.helper),
      sockets_(loop, helper_, descriptors, options_.log),
      surroundings_{loop,
                    sockets_,
                    sources_,
                    descriptors,
                    copy,
                    options_.log,
                    options_.proxy_header,
                    options_.grace,
                    options_.dialer,
                    options_.helper.keeps_net_admin},
      port_gone_(loop) {}

Publisher::~Publisher() {
    // serve() refers to it until the nursery is joined.
    URC_CHECK(ports_.empty());
}

Task<void> Publisher::start() {
    if (options_.dialer) co_return;
    if (options_.helper.keeps_net_admin) co_await routes_.emplace(loop_, network_namespace_.get()).start();
    co_await helper_.start();
    nursery_.spawn(sockets_.serve());
    co_await sources_.read(sockets_);
    nursery_.spawn(keep_sources());
}

Task<void> Publisher::keep_sources() {
    auto ended = co_await settled(sources_.watch(loop_, sockets_));
    if (ended.error().code() == ECANCELED || !options_.log) co_return;
    options_.log->warning("publish: changes of the container's addresses are not seen: ",
                          ended.error().text());
}

Result<Spec> Publisher::add(Spec spec) {
    URC_TRY(Spec wanted, checked(std::move(spec)));
    spec = std::move(wanted);
    spec.child_ip = options_.host_gateway_ip.empty() ? choose_child_address(spec)
                                                     : choose_child_address(spec, options_.host_gateway_ip);
    if (spec.handover) return Error::message("publish: " + spec_text(spec) + ": handover is not supported");
    for (const auto& port : ports_)
        if (!port->is_removed && overlaps(port->listener->spec(), spec))
            return Error::message("publish: " + spec_text(spec) + ": has a port in common with " +
                                      spec_text(port->listener->spec()),
                                  EADDRINUSE);
    URC_TRY(Fd socket, bind_host_port(spec));
    URC_TRY_VOID(open(spec, std::move(socket)));
    return spec;
}

Result<void> Publisher::add(BoundPort port) {
    return open(port.spec, std::move(port.socket));
}

Result<void> Publisher::open(const Spec& spec, Fd socket) {
    URC_TRY(const Address child, Address::of(spec.child_ip, spec.child_port));
    auto port = std::make_unique<Port>();
    if (is_tcp(spec.protocol))
        port->listener = std::make_unique<TcpListener>(surroundings_, std::move(socket), spec, child);
    else
        port->listener =
            std::make_unique<UdpListener>(surroundings_, std::move(socket), spec, child, options_.udp_idle);
    ports_.push_back(std::move(port));
    nursery_.spawn(serve(*ports_.back()));
    return {};
}

Task<void> Publisher::serve(Port& port) {
    auto ended = co_await settled(port.listener->serve());
    // One port's failure is not that of the others.
    if (!ended.ok() && ended.error().code() != ECANCELED && options_.log)
        options_.log->warning("publish: ", spec_text(port.listener->spec()),
                              ": closed: ", ended.error().text());
    std::erase_if(ports_, [&port](const auto& each) { return each.get() == &port; });
    port_gone_.set();
}

Task<void> Publisher::until_empty() {
    while (!ports_.empty()) co_await port_gone_.wait();
}

Task<void> Publisher::remove(Spec spec) {
    const auto found = std::find_if(ports_.begin(), ports_.end(), [&spec](const auto& port) {
        return !port->is_removed && port->listener->spec() == spec;
    });
    if (found == ports_.end()) co_await fail(Error(ENOENT, "publish", spec_text(spec)));
    (*found)->is_removed = true;
    co_await (*found)->listener->remove();
}

std::vector<Publisher::Entry> Publisher::list() const {
    std::vector<Entry> entries;
    for (const auto& port : ports_)
        if (!port->is_removed) entries.push_back({port->listener->spec(), port->listener->stats()});
    return entries;
}

}  // namespace urc::ports
