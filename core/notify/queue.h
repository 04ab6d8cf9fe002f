// Queue: what upstream has not taken yet, bounded.
//
//   judge --> [ READY | STATUS | WATCHDOG | STATUS | STOPPING | STATUS ] --> upstream
//                        `----------------^ superseded        `-- stays: a mark is between
//
// Nothing is touched while there is room. Then:
//   1. a WATCHDOG=1 goes when a later one is there; a STATUS= when a later one is there with no mark between,
//      so that what the manager shows beside READY, RELOADING or STOPPING is what was said there;
//   2. the oldest of the others goes; then the oldest STATUS= or WATCHDOG=1; then the oldest barrier (its
//      descriptor is closed); and only when there are nothing but marks, hundreds of them, the oldest mark.
// The first one stays in any case: it may be on its way.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

#include "core/notify/message.h"

namespace urc::notify {

class Queue {
public:
    static constexpr std::size_t kItemsMax = 1024;
    static constexpr std::size_t kBytesMax = 1 << 20;
    static constexpr std::size_t kFdsMax = 512;
    // When this many places are left, the socket is read no further while upstream still takes (proxy.cpp).
    static constexpr std::size_t kBatch = 64;

    // Returns what had to go for it: superseded ones are no loss, dropped ones are.
    struct Gone {
        std::vector<Notification> superseded, dropped;
    };
    Gone push(Notification item);
    Notification& front() noexcept { return items_.front(); }
    Notification pop();

    bool empty() const noexcept { return items_.empty(); }
    std::size_t size() const noexcept { return items_.size(); }
    // Whether a batch more might push something out.
    bool is_nearly_full() const noexcept;

    // Barriers that are due by `now` are given up, and returned.
    std::vector<Notification> expire(std::chrono::nanoseconds now);
    // How long after `now` the next one is due; `otherwise` when there is none that early.
    std::chrono::nanoseconds until_due(std::chrono::nanoseconds now,
                                       std::chrono::nanoseconds otherwise) const noexcept;

private:
    bool is_over() const noexcept {
        return items_.size() > kItemsMax || bytes_ > kBytesMax || fds_ > kFdsMax;
    }
    std::vector<Notification> supersede();
    // Drops the oldest but the first that says none of `spared`.
    bool drop_one(unsigned spared, std::vector<Notification>& dropped);
    template <typename Predicate>
    std::vector<Notification> take_out(const Predicate& is_wanted);
    void forget(const Notification& item) noexcept;

    std::deque<Notification> items_;
    std::size_t bytes_ = 0;
    std::size_t fds_ = 0;
    std::size_t barriers_ = 0;
};

}  // namespace urc::notify
