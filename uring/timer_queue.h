// TimerQueue: which of many times comes first. A binary heap of pointers; each Timer knows its place, so that
// it can be taken out from the middle, which is how nearly all deadlines end.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace urc {

// A member of at most one queue, which must be left before the Timer goes.
class Timer {
public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    std::chrono::nanoseconds time() const noexcept { return time_; }
    bool is_queued() const noexcept { return place_ != kNowhere; }

private:
    friend class TimerQueue;
    static constexpr std::size_t kNowhere = ~std::size_t{0};
    std::chrono::nanoseconds time_{};
    std::size_t place_ = kNowhere;
};

class TimerQueue {
public:
    void add(Timer& timer, std::chrono::nanoseconds time);
    // Fine for one that is not queued.
    void remove(Timer& timer) noexcept;
    // The earliest; nullptr when there is none.
    Timer* first() const noexcept { return heap_.empty() ? nullptr : heap_.front(); }

private:
    void put(Timer& timer, std::size_t place) noexcept;
    void rise(Timer& timer, std::size_t place) noexcept;
    void sink(Timer& timer, std::size_t place) noexcept;

    std::vector<Timer*> heap_;
};

}  // namespace urc
