#include "uring/timer_queue.h"

#include "uring/check.h"

namespace urc {

void TimerQueue::put(Timer& timer, std::size_t place) noexcept {
    heap_[place] = &timer;
    timer.place_ = place;
}

void TimerQueue::rise(Timer& timer, std::size_t place) noexcept {
    while (place > 0) {
        std::size_t parent = (place - 1) / 2;
        if (heap_[parent]->time_ <= timer.time_) break;
        put(*heap_[parent], place);
        place = parent;
    }
    put(timer, place);
}

void TimerQueue::sink(Timer& timer, std::size_t place) noexcept {
    for (;;) {
        std::size_t child = 2 * place + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && heap_[child + 1]->time_ < heap_[child]->time_) ++child;
        if (timer.time_ <= heap_[child]->time_) break;
        put(*heap_[child], place);
        place = child;
    }
    put(timer, place);
}

void TimerQueue::add(Timer& timer, std::chrono::nanoseconds time) {
    URC_CHECK(!timer.is_queued());
    timer.time_ = time;
    heap_.push_back(&timer);
    rise(timer, heap_.size() - 1);
}

void TimerQueue::remove(Timer& timer) noexcept {
    if (!timer.is_queued()) return;
    std::size_t hole = timer.place_;
    timer.place_ = Timer::kNowhere;
    Timer* last = heap_.back();
    heap_.pop_back();
    if (last == &timer) return;
    // The last one fills the hole; it may belong above as well as below it.
    sink(*last, hole);
    rise(*last, last->place_);
}

}  // namespace urc
