// SocketStore: sockets of a network namespace, made before they are needed.
//
//   connection --take()--> stock --(below half)--> serve() --make(n)--> Helper
//                            ^---------------------------------------------'
//
// The question to the helper and its answer are off the path of a connection as long as the stock lasts. It
// starts small, since a container may never see a connection, and doubles each time somebody had to wait.
//
// What is in stock counts as taken, and is never much of what there is: with few descriptors left, sockets
// are made when they are asked for. A connection counts its own, so taking one gives back.
//
// A helper that dies is started again, with pauses when it keeps dying; who waits meanwhile gets the Error
// after a while rather than hang.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <vector>

#include "core/log.h"
#include "core/ports/descriptors.h"
#include "core/ports/helper.h"
#include "core/ports/waiters.h"

namespace urc::ports {

class SocketStore {
public:
    static constexpr unsigned kStockMin = 4;
    static constexpr unsigned kStockMax = kSocketsPerRequestMax;
    // Of one kind there may be this part of all descriptors in stock.
    static constexpr std::size_t kStockPart = 16;
    static constexpr std::chrono::milliseconds kPauseMax{5000};

    SocketStore(Loop& loop, Helper& helper, Descriptors& descriptors, const Log* log = nullptr) noexcept;
    SocketStore(const SocketStore&) = delete;
    SocketStore& operator=(const SocketStore&) = delete;
    ~SocketStore() { drop_stock(); }

    // Fills up until it is cancelled. One task.
    Task<void> serve();

    // One from the stock, if there is any; never waits.
    std::optional<Fd> take(SocketKind kind) noexcept;
    // One, and waits for it. The Error is why there is none.
    Task<Fd> get(SocketKind kind);

    // For who has more need of the descriptors now.
    void drop_stock() noexcept;
    std::size_t stocked() const noexcept;

    // How often the helper has been started after the first time.
    std::size_t restarts() const noexcept { return restarts_; }

private:
    struct Stock {
        std::vector<Fd> sockets;
        unsigned target = 0;
        bool is_used = false;  // nothing is made for kinds that nobody asks for
        Waiters waiters;
    };
    Stock& stock(SocketKind kind) noexcept { return stocks_[static_cast<std::size_t>(kind)]; }
    bool is_low(const Stock& stock) const noexcept {
        return !stock.waiters.empty() ||
               (stock.is_used && stock.sockets.size() <= stock.target / 2 && count_missing(stock) > 0);
    }
    unsigned count_missing(const Stock& stock) const noexcept;
    Task<void> fill(SocketKind kind);
    Task<void> restart(Error error);

    Loop& loop_;
    Helper& helper_;
    Descriptors& descriptors_;
    const Log* log_;
    unsigned stock_max_;
    Event wanted_;
    std::array<Stock, kSocketKinds> stocks_;
    std::optional<Error> error_;  // of the last question, as long as none has gone well
    std::chrono::milliseconds pause_{0};
    std::size_t restarts_ = 0;
};

}  // namespace urc::ports
