#include "uring/loop.h"

#include <array>
#include <span>

namespace urc {
namespace {

// Tasks that keep making each other ready must not keep completions waiting for ever.
constexpr int kTurnsBeforeSubmit = 16;
// A submit that is refused this often although we reap in between is refused for good.
constexpr int kSubmitTriesMax = 1000;

struct RootJoiner final : Joiner {
    bool is_over = false;
    void task_ended(PromiseBase&) noexcept override { is_over = true; }
};

}  // namespace

void Loop::run_to_end(TaskBase& task) {
    URC_CHECK(current_ == nullptr && in_flight_ == 0);
    RootJoiner root;
    task.promise().start(*this, root_, root, &task);
    for (;;) {
        run_ready();
        if (root.is_over) break;
        submit_or_wait();
        reap();
    }
    // The task has joined all it started; a completion that is still out would be written into a dead frame.
    URC_CHECK(in_flight_ == 0 && ready_.empty());
}

void Loop::run_ready() {
    for (int turn = 0; turn < kTurnsBeforeSubmit && !ready_.empty(); ++turn) {
        ReadyList batch;
        batch.take(ready_);
        while (!batch.empty()) batch.pop().run();
    }
}

void Loop::submit_or_wait() {
    bool must_wait = ready_.empty();
    // Nothing in flight and nothing to run: a task waits for something that cannot happen any more.
    URC_CHECK(!must_wait || in_flight_ > 0);
    int result = must_wait ? backend_.wait() : backend_.submit();
    URC_CHECK(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
}

void Loop::make_room(unsigned count) noexcept {
    for (int tries = 0; !backend_.has_room(count); ++tries) {
        URC_CHECK(tries < kSubmitTriesMax);
        int result = backend_.submit();
        URC_CHECK(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
        // EBUSY: the kernel keeps completions that found no room and takes no more requests until we make
        // some.
        if (result < 0) reap();
    }
}

void Loop::reap() noexcept {
    std::array<Completion, 64> batch;
    std::size_t count;
    do {
        count = backend_.reap(batch);
        for (const Completion& completion : std::span(batch).first(count)) {
            auto* operation = reinterpret_cast<Operation*>(completion.user_data & ~Operation::kPartMask);
            auto part = static_cast<Operation::Part>(completion.user_data & Operation::kPartMask);
            if (!(completion.flags & IORING_CQE_F_MORE)) --in_flight_;
            operation->reaped(part, completion.result, completion.flags);
        }
    } while (count == batch.size());
}

}  // namespace urc
