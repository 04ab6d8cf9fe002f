// SocketStore: sockets of a network namespace, made before they are needed.
//
//   connection --take()--> stock --(below half)--> serve() --make(n)--> Helper
//                            ^---------------------------------------------'
//
// The question to the helper and its answer are off the path of a connection as long as the stock lasts. It
// starts small, since a container may never see a connection, and doubles each time somebody had to wait.
//
// A helper that dies is started again, with pauses when it keeps dying; who waits meanwhile gets the Error
// after a while rather than hang.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <vector>

#include "core/log.h"
#include "core/ports/helper.h"
#include "core/ports/waiters.h"

namespace urc::ports {

class SocketStore {
public:
    static constexpr unsigned kStockMin = 4;
    static constexpr unsigned kStockMax = kSocketsPerRequestMax;
    static constexpr std::chrono::milliseconds kPauseMax{5000};

    // `stock_max`: of one kind; what is in stock is counted nowhere, so it has to be small where descriptors
    // are few.
    SocketStore(Loop& loop, Helper& helper, unsigned stock_max = kStockMax, const Log* log = nullptr) noexcept
        : loop_(loop), helper_(helper), stock_max_(stock_max), log_(log), wanted_(loop) {
        // Asked for when an address changes.
        stock(SocketKind::route).target = 1;
    }

    // Fills up until it is cancelled. One task.
    Task<void> serve();

    // One from the stock, if there is any; never waits.
    std::optional<Fd> take(SocketKind kind) noexcept;
    // One, and waits for it. The Error is why there is none.
    Task<Fd> get(SocketKind kind);

    // How often the helper has been started after the first time.
    std::size_t restarts() const noexcept { return restarts_; }

private:
    struct Stock {
        std::vector<Fd> sockets;
        unsigned target = kStockMin;
        bool is_used = false;  // nothing is made for kinds that nobody asks for
        Waiters waiters;
    };
    Stock& stock(SocketKind kind) noexcept { return stocks_[static_cast<std::size_t>(kind)]; }
    bool is_low(const Stock& stock) const noexcept {
        return stock.is_used && (stock.sockets.size() <= stock.target / 2 || !stock.waiters.empty());
    }
    Task<void> fill(SocketKind kind);
    Task<void> restart(Error error);

    Loop& loop_;
    Helper& helper_;
    unsigned stock_max_;
    const Log* log_;
    Event wanted_;
    std::array<Stock, kSocketKinds> stocks_;
    std::optional<Error> error_;  // of the last question, as long as none has gone well
    std::chrono::milliseconds pause_{0};
    std::size_t restarts_ = 0;
};

}  // namespace urc::ports
