// The foreground proxy: the ports of one network namespace, whoever made it, until SIGTERM or SIGINT.
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
    // Which namespace: that of a process, or the one at a path.
    std::optional<pid_t> pid;
    std::string network_namespace;
    std::vector<Spec> specs;
    ProxyHeader proxy_header = ProxyHeader::none;
    // $NOTIFY_SOCKET: told READY=1 when all ports accept. Empty: there is none.
    std::string notify_socket;
};

// `opened` hears of each spec as it was opened, in the order given, before READY=1. An Error of it ends the
// proxy, as does a port that cannot be opened: then none is.
Result<void> run_proxy(const Global& global, const ProxyOptions& options,
                       const std::function<Result<void>(const Spec& asked, const Spec& opened)>& opened);

}  // namespace urc::ports
