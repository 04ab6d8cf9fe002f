#include "core/ports/socket_store.h"

#include <algorithm>
#include <utility>

#include "uring/deadline.h"

namespace urc::ports {

using std::chrono::milliseconds;

std::optional<Fd> SocketStore::take(SocketKind kind) noexcept {
    Stock& from = stock(kind);
    std::optional<Fd> socket;
    if (!from.sockets.empty()) {
        socket = std::move(from.sockets.back());
        from.sockets.pop_back();
    }
    from.is_used = true;
    if (is_low(from)) wanted_.set();
    return socket;
}

Task<Fd> SocketStore::get(SocketKind kind) {
    const bool is_new = !std::exchange(stock(kind).is_used, true);
    for (bool has_waited = false;; has_waited = true) {
        if (auto socket = take(kind)) co_return std::move(*socket);
        if (!has_waited && !is_new) stock(kind).target = std::min(stock(kind).target * 2, stock_max_);
        Waiters::Place place(loop_, stock(kind).waiters);
        wanted_.set();
        co_await place.called();
        if (error_ && stock(kind).sockets.empty()) co_return *error_;
    }
}

Task<void> SocketStore::serve() {
    for (;;) {
        bool has_filled = false;
        for (std::size_t i = 0; i < kSocketKinds; ++i) {
            if (!is_low(stocks_[i])) continue;
            co_await fill(static_cast<SocketKind>(i));
            has_filled = true;
        }
        if (!has_filled) co_await wanted_.wait();
    }
}

Task<void> SocketStore::fill(SocketKind kind) {
    Stock& into = stock(kind);
    const auto held = static_cast<unsigned>(into.sockets.size());
    const unsigned missing = into.target > held ? into.target - held : 1;
    auto made = co_await settled(helper_.make(kind, missing));
    if (!made.ok()) {
        co_await restart(std::move(made).error());
        if (error_) into.waiters.call_all();
        co_return;
    }
    error_.reset();
    pause_ = milliseconds(0);
    for (Fd& socket : *made) {
        into.sockets.push_back(std::move(socket));
        into.waiters.call_one();
    }
}

// After a failed question. One that a fresh helper may answer better is not held against anyone.
Task<void> SocketStore::restart(Error error) {
    if (error.code() == ECANCELED) co_await fail(error);
    if (pause_.count() > 0) {
        error_ = error;
        // Who waits is told before the pause, and whoever comes during it, after.
        for (Stock& each : stocks_) each.waiters.call_all();
        co_await sleep(loop_, pause_);
    }
    pause_ = std::clamp(pause_ * 2, milliseconds(50), kPauseMax);
    if (helper_.is_running()) co_return;
    ++restarts_;
    if (log_) log_->warning("publish: ", error.text(), "; it is started again");
    auto started = co_await settled(helper_.start());
    if (!started.ok()) error_ = started.error();
}

}  // namespace urc::ports
