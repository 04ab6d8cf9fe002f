// The foreground proxy: the ports of one network namespace, whoever made it, until SIGTERM or SIGINT.
//
// With rootlesskit it can share both ends: the connections into the namespace may be made by a rootlesskit's
// child (rootlesskit/parent.h), and who speaks its API may publish and remove ports (rootlesskit/port_api.h).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/ports/proxy_protocol.h"
#include "core/ports/spec.h"
#include "core/runtime.h"

namespace urc::ports {

struct ProxyOptions {
    // Which namespace: that of a process, the one at a path, or that of the rootlesskit whose state directory
    // this is. With it the ports lead where rootlesskit's would.
    std::optional<pid_t> pid;
    std::string network_namespace;
    std::string rootlesskit;
    std::vector<Spec> specs;
    ProxyHeader proxy_header = ProxyHeader::none;
    // The application sees the clients' own addresses (TCP only, transparent.h).
    bool is_transparent = false;
    // $NOTIFY_SOCKET: told READY=1 when all ports accept. Empty: there is none.
    std::string notify_socket;
    // Where rootlesskit's API is served. Empty: nowhere.
    std::string api_socket;
};

// `opened` hears of each spec as it was opened, in the order given, before READY=1. An Error of it ends the
// proxy, as does a port that cannot be opened: then none is.
Result<void> run_proxy(const Global& global, const ProxyOptions& options,
                       const std::function<Result<void>(const Spec& asked, const Spec& opened)>& opened);

}  // namespace urc::ports
