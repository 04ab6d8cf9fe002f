// Descriptors: how many this process may still open. One connection takes two, and a process that runs into
// RLIMIT_NOFILE with EMFILE can do nothing sensible any more; so what comes in great numbers is counted, a
// listener that would exceed the bound stops accepting, and goes on when a connection ends. Until then the
// clients wait in the listen backlog.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "core/ports/waiters.h"

namespace urc::ports {

class Descriptors {
public:
    // For everything that is not counted: standard streams, ring, listeners, helpers, logs.
    static constexpr std::size_t kReserve = 64;

    explicit Descriptors(std::size_t max) noexcept : max_(max) {}
    // By the soft limit as it is now; raise it first.
    static Descriptors by_limit() noexcept {
        rlimit limit{};
        (void)::getrlimit(RLIMIT_NOFILE, &limit);
        const auto all = static_cast<std::size_t>(limit.rlim_cur);
        return Descriptors(std::max(all, kReserve + 8) - kReserve);
    }

    std::size_t room() const noexcept { return max_ - std::min(max_, taken_); }
    bool has_room(std::size_t count) const noexcept { return count <= room(); }
    std::size_t taken() const noexcept { return taken_; }
    std::size_t max() const noexcept { return max_; }

    // Counted as long as it lives.
    class Share {
    public:
        Share() noexcept = default;
        Share(Share&& other) noexcept
            : descriptors_(std::exchange(other.descriptors_, nullptr)), count_(other.count_) {}
        Share& operator=(Share&&) = delete;
        ~Share() {
            if (descriptors_) descriptors_->give_back(count_);
        }

    private:
        friend class Descriptors;
        Share(Descriptors& descriptors, std::size_t count) noexcept
            : descriptors_(&descriptors), count_(count) {}
        Descriptors* descriptors_ = nullptr;
        std::size_t count_ = 0;
    };

    // False when that many are not there.
    [[nodiscard]] bool take(std::size_t count) noexcept {
        if (!has_room(count)) return false;
        taken_ += count;
        return true;
    }
    // What is there already, whether there was room or not.
    void count(std::size_t count) noexcept { taken_ += count; }
    std::optional<Share> take_share(std::size_t count) noexcept {
        if (!take(count)) return {};
        return Share(*this, count);
    }
    void give_back(std::size_t count) noexcept {
        taken_ -= count;
        waiters_.call_one();
    }
    Waiters& waiters() noexcept { return waiters_; }

private:
    std::size_t max_;
    std::size_t taken_ = 0;
    Waiters waiters_;
};

}  // namespace urc::ports
