#include "core/notify/queue.h"

#include <algorithm>
#include <utility>

namespace urc::notify {

Queue::Gone Queue::push(Notification item) {
    bytes_ += item.body.size();
    fds_ += item.fds.size();
    barriers_ += item.is_barrier();
    items_.push_back(std::move(item));
    Gone gone;
    if (!is_over()) return gone;
    gone.superseded = supersede();
    constexpr unsigned kFleeting = kSaysStatus | kSaysWatchdog;
    constexpr unsigned kSpared[] = {kSaysMark | kSaysBarrier | kFleeting, kSaysMark | kSaysBarrier, kSaysMark,
                                    0};
    for (unsigned spared : kSpared)
        while (is_over() && drop_one(spared, gone.dropped)) continue;
    return gone;
}

Notification Queue::pop() {
    Notification item = std::move(items_.front());
    items_.pop_front();
    forget(item);
    return item;
}

bool Queue::is_nearly_full() const noexcept {
    return items_.size() + kBatch > kItemsMax || bytes_ + kBatch * kBodySizeMax > kBytesMax ||
           fds_ + kFdsMax / 2 > kFdsMax;
}

// In their order; the others keep theirs.
template <typename Predicate>
std::vector<Notification> Queue::take_out(const Predicate& is_wanted) {
    std::vector<Notification> taken;
    auto kept = items_.begin();
    for (Notification& item : items_) {
        if (is_wanted(item)) {
            forget(item);
            taken.push_back(std::move(item));
        } else {
            if (&*kept != &item) *kept = std::move(item);
            ++kept;
        }
    }
    items_.erase(kept, items_.end());
    return taken;
}

std::vector<Notification> Queue::expire(std::chrono::nanoseconds now) {
    if (barriers_ == 0) return {};
    return take_out([&](const Notification& item) { return item.is_barrier() && item.due <= now; });
}

std::chrono::nanoseconds Queue::until_due(std::chrono::nanoseconds now,
                                          std::chrono::nanoseconds otherwise) const noexcept {
    if (barriers_ > 0) {
        for (const Notification& item : items_)
            if (item.is_barrier()) otherwise = std::min(otherwise, item.due - now);
    }
    return std::max(otherwise, std::chrono::nanoseconds(0));
}

std::vector<Notification> Queue::supersede() {
    // From the newest to the oldest: what is said later is known when the earlier one is looked at.
    unsigned said_later = 0;
    bool has_superseded = false;
    for (std::size_t i = items_.size(); i-- > 1;) {
        Notification& item = items_[i];
        const bool is_fleeting = (item.says & ~(kSaysStatus | kSaysWatchdog)) == 0;
        if (is_fleeting && (item.says & ~said_later) == 0) {
            item.is_superseded = has_superseded = true;
            continue;
        }
        if (item.says & kSaysMark) said_later &= ~static_cast<unsigned>(kSaysStatus);
        if (is_fleeting) said_later |= item.says;
    }
    if (!has_superseded) return {};
    return take_out([](const Notification& item) { return item.is_superseded; });
}

bool Queue::drop_one(unsigned spared, std::vector<Notification>& dropped) {
    for (auto item = items_.begin(); item != items_.end(); ++item) {
        if (item == items_.begin() || (item->says & spared)) continue;
        forget(*item);
        dropped.push_back(std::move(*item));
        items_.erase(item);
        return true;
    }
    return false;
}

void Queue::forget(const Notification& item) noexcept {
    bytes_ -= item.body.size();
    fds_ -= item.fds.size();
    barriers_ -= item.is_barrier();
}

}  // namespace urc::notify
