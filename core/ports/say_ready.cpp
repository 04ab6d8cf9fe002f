#include "core/ports/say_ready.h"

#include <chrono>

#include "core/notify/upstream.h"

namespace urc::ports {

namespace {

// How long a manager may not read before it is not told.
constexpr std::chrono::seconds kManagerMax{5};

}  // namespace

Task<void> say_ready(Loop& loop, const Log& log, std::string socket) {
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

}  // namespace urc::ports
