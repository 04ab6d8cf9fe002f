// Undo: what has been done so far, backwards. Every step of a create that leaves something behind pushes its
// opposite right beside itself; leaving the scope without `dismiss` runs them in reverse order.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace urc {

class Undo {
public:
    Undo() = default;
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    ~Undo() {
        while (!actions_.empty()) {
            auto action = std::move(actions_.back());
            actions_.pop_back();
            action();
        }
    }

    // `action` must not fail loudly: the error that made the undo necessary is the one to show.
    void push(std::function<void()> action) { actions_.push_back(std::move(action)); }
    void dismiss() { actions_.clear(); }

private:
    std::vector<std::function<void()>> actions_;
};

}  // namespace urc
