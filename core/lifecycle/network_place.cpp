#include "core/lifecycle/network_place.h"

#include "core/process/namespaces.h"

namespace urc {

Error has_hosts_network() {
    return Error::message("publish: the container has the host's network, where its ports are open already");
}

NetworkPlace::NetworkPlace(const State& state) : init_(state.init) {
    for (const spec::Namespace& ns : state.namespaces) {
        if (ns.type != spec::NamespaceType::network) continue;
        is_own_ = true;
        path_ = ns.path;
    }
}

Result<Fd> NetworkPlace::open() const {
    if (!is_own_) return has_hosts_network();
    const std::string own = "/proc/" + std::to_string(init_.pid) + "/ns/net";
    auto opened = process::open_namespace(spec::NamespaceType::network, path_.empty() ? own : path_);
    // Only while it lives is the number its own.
    if (!is_alive(init_)) return Error::message("publish: the container has ended", ESRCH);
    if (!opened.ok()) return opened;
    if (process::is_own_namespace(spec::NamespaceType::network, opened->get())) return has_hosts_network();
    return opened;
}

}  // namespace urc
