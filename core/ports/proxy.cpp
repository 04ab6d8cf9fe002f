#include "core/ports/proxy.h"

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

#include "core/memory.h"
#include "core/ports/publisher.h"
#include "core/ports/rootlesskit/api_server.h"
#include "core/ports/rootlesskit/parent.h"
#include "core/ports/rootlesskit/unix_listener.h"
#include "core/ports/say_ready.h"
#include "core/process/limits.h"
#include "uring/open_backend.h"
#include "uring/ops_process.h"

namespace urc::ports {

namespace {

using Opened = std::function<Result<void>(const Spec& asked, const Spec& opened)>;

// Empty where rootlesskit's child is there for us.
Result<Fd> open_namespace_of(const ProxyOptions& options) {
    if (!options.rootlesskit.empty()) return Fd();
    return options.pid ? open_network_namespace(*options.pid)
                       : open_network_namespace(options.network_namespace);
}

rootlesskit::PortApiOptions api_options(const ProxyOptions& options) {
    rootlesskit::PortApiOptions api;
    api.state_dir = options.rootlesskit;
    if (api.state_dir.empty()) api.state_dir = rootlesskit::split_path(options.api_socket).directory;
    api.child_pid = options.pid.value_or(0);
    return api;
}

// What the children of the nursery refer to is in the same frame, which waits for them.
Task<void> serve(Loop& loop, const Global& global, const ProxyOptions& options, const Opened& opened) {
    // First, so that a signal that comes early is not lost.
    const SignalFd signals = co_await SignalFd::open(SIGTERM, SIGINT);
    Fd network_namespace = co_await open_namespace_of(options);
    Descriptors descriptors = Descriptors::by_limit();
    auto copy = std::make_unique<CopyShared>(kernel_calls(), descriptors);
    rootlesskit::Parent parent(loop, options.rootlesskit);
    PublisherOptions publisher_options;
    publisher_options.log = &global.log;
    publisher_options.proxy_header = options.proxy_header;
    publisher_options.helper.keeps_net_admin = options.is_transparent;
    if (!options.rootlesskit.empty()) {
        co_await parent.start();
        publisher_options.dialer = &parent;
        publisher_options.host_gateway_ip = find_host_gateway_ip();
    }
    Nursery nursery(loop);
    Publisher publisher(loop, nursery, std::move(network_namespace), descriptors, *copy,
                        std::move(publisher_options));
    rootlesskit::PortApi api(publisher, api_options(options));
    rootlesskit::ApiServer server(loop, api, &global.log);
    co_await publisher.start();
    for (const Spec& spec : options.specs) {
        Spec open = co_await publisher.add(spec);
        global.log.debug("publish: ", spec_text(open));
        api.enter(spec, open);
        co_await opened(spec, open);
    }
    std::optional<rootlesskit::UnixListener> listener;
    if (!options.api_socket.empty()) {
        listener.emplace(co_await rootlesskit::UnixListener::open(options.api_socket));
        nursery.spawn(server.serve(listener->get()));
    }
    if (!options.notify_socket.empty()) co_await say_ready(loop, global.log, options.notify_socket);
    give_back_memory();
    co_await signals.next(loop);
    nursery.cancel();
    co_await nursery.join();
}

// The options that only TCP can carry out, beside ports of UDP.
void warn_of_datagrams(const Global& global, const ProxyOptions& options) {
    const bool has_datagrams =
        std::ranges::any_of(options.specs, [](const Spec& spec) { return !is_tcp(spec.protocol); });
    if (!has_datagrams) return;
    for (const auto& [is_given, name] :
         {std::pair(options.proxy_header != ProxyHeader::none, "--proxy-protocol"),
          std::pair(options.is_transparent, "--source-ip")})
        if (is_given) global.log.warning(name, ": is for TCP; the ports of UDP are published without");
}

// A listener each, and something to serve a client with.
Result<void> check_descriptors(const ProxyOptions& options) {
    constexpr std::size_t kOthers = 16;
    const std::size_t room = Descriptors::by_limit().max();
    if (options.specs.size() + kOthers <= room) return {};
    return Error::message(std::to_string(options.specs.size()) +
                              " ports take more descriptors than there are (" + std::to_string(room) +
                              " by RLIMIT_NOFILE)",
                          EMFILE);
}

}  // namespace

Result<void> run_proxy(const Global& global, const ProxyOptions& options, const Opened& opened) {
    URC_TRY_VOID(check_overlaps(options.specs));
    warn_of_datagrams(global, options);
    // A splice into a socket whose peer has closed raises it.
    ::signal(SIGPIPE, SIG_IGN);
    process::raise_descriptor_limit();
    URC_TRY_VOID(check_descriptors(options));
    URC_TRY(auto backend, open_backend());
    Loop loop(*backend);
    return loop.run(serve(loop, global, options, opened));
}

}  // namespace urc::ports
