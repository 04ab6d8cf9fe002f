#include "core/ports/bound.h"

#include <fcntl.h>

#include <utility>

#include "core/ports/address.h"
#include "core/ports/listen.h"

namespace urc::ports {

Result<std::vector<BoundPort>> bind_ports(std::span<const Spec> specs) {
    URC_TRY_VOID(check_overlaps(specs));
    std::vector<BoundPort> bound;
    bound.reserve(specs.size());
    for (const Spec& asked : specs) {
        URC_TRY(Spec spec, checked(asked));
        spec.child_ip = choose_child_address(spec);
        URC_TRY(Fd socket, bind_host_port(spec));
        const int flags = ::fcntl(socket.get(), F_GETFL);
        if (spec.handover && ::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK) < 0)
            return Error::last("fcntl", spec_text(spec));
        bound.push_back({std::move(spec), std::move(socket)});
    }
    return bound;
}

std::string listen_name(const Spec& spec) {
    return std::to_string(spec.child_port) + "/" + std::string(protocol_name(spec.protocol));
}

}  // namespace urc::ports
