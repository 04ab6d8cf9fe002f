#include "core/ports/proxy.h"

#include <csignal>

#include "core/notify/upstream.h"
#include "core/ports/publisher.h"
#include "core/process/limits.h"
#include "uring/open_backend.h"
#include "uring/ops_process.h"

namespace urc::ports {

namespace {

// How long a manager may not read before it is not told.
constexpr std::chrono::seconds kManagerMax{5};

Result<Fd> open_namespace_of(const ProxyOptions& options) {
    return options.pid ? open_network_namespace(*options.pid)
                       : open_network_namespace(options.network_namespace);
}

Task<void> say_ready(Loop& loop, const Log& log, const std::string& socket) {
    notify::Address address = co_await notify::parse_address(socket);
    notify::Upstream manager(loop, std::move(address));
    notify::Notification ready;
    ready.body = "READY=1";
    while (!manager.is_lost()) {
        const auto sent = manager.send(ready);
        if (sent == notify::Upstream::Sent::taken) co_return;
        if (sent == notify::Upstream::Sent::refused) break;
        co_await manager.until_room(kManagerMax);
        if (sent == notify::Upstream::Sent::full) break;
    }
    log.warning("READY=1: ", manager.last_error().text());
}

using Opened = std::function<Result<void>(const Spec& asked, const Spec& opened)>;

Task<void> serve(Loop& loop, const Global& global, const ProxyOptions& options, const Opened& opened) {
    // First, so that a signal that comes early is not lost.
    const SignalFd signals = co_await SignalFd::open(SIGTERM, SIGINT);
    Fd network_namespace = co_await open_namespace_of(options);
    Descriptors descriptors = Descriptors::by_limit();
    auto copy = std::make_unique<CopyShared>(kernel_calls(), descriptors);
    PublisherOptions publisher_options;
    publisher_options.log = &global.log;
    publisher_options.proxy_header = options.proxy_header;
    // In the frame of the publisher, so that an Error first ends what runs in there.
    Nursery nursery(loop);
    Publisher publisher(loop, nursery, std::move(network_namespace), descriptors, *copy,
                        std::move(publisher_options));
    co_await publisher.start();
    for (const Spec& spec : options.specs) {
        Spec open = co_await publisher.add(spec);
        global.log.debug("publish: ", spec_text(open));
        co_await opened(spec, open);
    }
    if (!options.notify_socket.empty()) co_await say_ready(loop, global.log, options.notify_socket);
    co_await signals.next(loop);
    nursery.cancel();
    co_await nursery.join();
}

}  // namespace

Result<void> run_proxy(const Global& global, const ProxyOptions& options, const Opened& opened) {
    URC_TRY_VOID(check_overlaps(options.specs));
    // A splice into a socket whose peer has closed raises it.
    ::signal(SIGPIPE, SIG_IGN);
    process::raise_descriptor_limit();
    URC_TRY(auto backend, open_backend());
    Loop loop(*backend);
    return loop.run(serve(loop, global, options, opened));
}

}  // namespace urc::ports
