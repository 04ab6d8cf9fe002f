// Tally: counts what goes wrong again and again, and says when it is worth a line: the first time, the tenth,
// the hundredth. A container that misbehaves must not fill the host's log.
#pragma once

#include <cstdint>

namespace urc::notify {

class Tally {
public:
    // One more. True when it is to be said.
    bool add() noexcept {
        if (++count_ < next_) return false;
        next_ *= 10;
        return true;
    }
    std::uint64_t count() const noexcept { return count_; }
    void reset() noexcept { *this = Tally(); }

private:
    std::uint64_t count_ = 0;
    std::uint64_t next_ = 1;
};

}  // namespace urc::notify
