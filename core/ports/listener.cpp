#include "core/ports/listener.h"

#include <netinet/in.h>

namespace urc::ports {

bool Listener::drop_spare() noexcept {
    const std::size_t taken = around_.descriptors.taken();
    around_.copy.pipes.drop_idle();
    around_.sockets.drop_stock();
    return around_.descriptors.taken() < taken;
}

void Listener::bind_source(int socket) noexcept {
    // Elsewhere the kernel takes the address of the interface, which is none of loopback.
    if (!child_.is_loopback()) return;
    const Address* source = around_.sources.find(child_.is_v6());
    const int one = 1;
    // The port is chosen by connect(2), which knows that one may serve several destinations.
    if (source) (void)::setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (source && ::bind(socket, source->get(), source->size()) == 0) return;
    complain("clients from other hosts appear as " + child_.ip() +
             " in the container: it has no other address");
}

}  // namespace urc::ports
