#include "core/ports/socket_store.h"

#include <algorithm>
#include <utility>

#include "uring/deadline.h"

namespace urc::ports {

using std::chrono::milliseconds;

SocketStore::SocketStore(Loop& loop, Helper& helper, Descriptors& descriptors, const Log* log) noexcept
    : loop_(loop),
      helper_(helper),
      descriptors_(descriptors),
      log_(log),
      stock_max_(static_cast<unsigned>(std::min<std::size_t>(descriptors.max() / kStockPart, kStockMax))),
      wanted_(loop) {
    for (Stock& each : stocks_) each.target = std::min(kStockMin, stock_max_);
    // Asked for when an address changes.
    stock(SocketKind::route).target = std::min(1U, stock_max_);
}

void SocketStore::drop_stock() noexcept {
    for (Stock& each : stocks_) {
        const std::size_t count = each.sockets.size();
        each.sockets.clear();
        if (count > 0) descriptors_.give_back(count);
    }
}

std::size_t SocketStore::stocked() const noexcept {
    std::size_t count = 0;
    for (const Stock& each : stocks_) count += each.sockets.size();
    return count;
}

// Half of what is left at most: who accepts goes first.
unsigned SocketStore::count_missing(const Stock& stock) const noexcept {
    const std::size_t held = stock.sockets.size();
    const std::size_t wanted = stock.target > held ? stock.target - held : 0;
    const std::size_t missing = std::min(wanted, descriptors_.room() / 2);
    return static_cast<unsigned>(std::max<std::size_t>(missing, stock.waiters.empty() ? 0 : 1));
}

std::optional<Fd> SocketStore::take(SocketKind kind) noexcept {
    Stock& from = stock(kind);
    std::optional<Fd> socket;
    if (!from.sockets.empty()) {
        socket = std::move(from.sockets.back());
        from.sockets.pop_back();
        descriptors_.give_back(1);
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
    auto made = co_await settled(helper_.make(kind, count_missing(into)));
    if (!made.ok()) {
        co_await restart(std::move(made).error());
        if (error_) into.waiters.call_all();
        co_return;
    }
    error_.reset();
    pause_ = milliseconds(0);
    descriptors_.count(made->size());
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
