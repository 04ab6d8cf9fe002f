// Ready: something the loop will run in this turn. Completions and spawns only append here; nobody is resumed
// from inside a reap, a cancel or another task's stack, so no caller sees its objects change under its feet.
#pragma once

#include "uring/check.h"

namespace urc {

class Ready {
public:
    Ready(const Ready&) = delete;
    Ready& operator=(const Ready&) = delete;

    // Called by the loop, after the entry has left the list. May destroy *this.
    virtual void run() = 0;

    bool is_queued() const noexcept { return is_queued_; }

protected:
    Ready() = default;
    ~Ready() { URC_CHECK(!is_queued_); }

private:
    friend class ReadyList;
    Ready* next_ = nullptr;
    bool is_queued_ = false;
};

// First in, first out, linked through the entries: pushing allocates nothing.
class ReadyList {
public:
    bool empty() const noexcept { return first_ == nullptr; }

    // An entry that already waits its turn keeps its place.
    void push(Ready& entry) noexcept {
        if (entry.is_queued_) return;
        entry.is_queued_ = true;
        entry.next_ = nullptr;
        (last_ ? last_->next_ : first_) = &entry;
        last_ = &entry;
    }

    Ready& pop() noexcept {
        Ready& entry = *first_;
        first_ = entry.next_;
        if (!first_) last_ = nullptr;
        entry.is_queued_ = false;
        return entry;
    }

    // Takes all entries of `other`, in their order.
    void take(ReadyList& other) noexcept {
        if (other.empty()) return;
        (last_ ? last_->next_ : first_) = other.first_;
        last_ = other.last_;
        other.first_ = other.last_ = nullptr;
    }

private:
    Ready* first_ = nullptr;
    Ready* last_ = nullptr;
};

}  // namespace urc
