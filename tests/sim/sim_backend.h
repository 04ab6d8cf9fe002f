// SimBackend: a Backend whose order, errors and clock come from a seed.
//
// Only the kernel's timing is simulated: data moves through real pipes and sockets with calls that do not
// block, made when the seed says so. The seed decides which pending request goes next and in what order the
// completions are posted; it cuts transfers short, answers with any errno, lets a cancel win, lose, or come
// when the request is nowhere to be found, ends multishots, runs out of buffers and of completion slots, and
// refuses submits. Time stands still while anything can happen and then jumps to the next timeout. The same
// seed does the same again.
//
// Pointers inside a request are followed until its last completion is posted: under ASan, an operation that
// has left its frame too early is found.
#pragma once

#include <deque>
#include <list>
#include <optional>
#include <vector>

#include "uring/backend.h"
#include "uring/request.h"

namespace urc {

class Random {
public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
    std::uint64_t next() noexcept {  // splitmix64
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    std::size_t below(std::size_t end) noexcept { return static_cast<std::size_t>(next() % end); }
    bool chance(unsigned permille) noexcept { return below(1000) < permille; }

private:
    std::uint64_t state_;
};

struct SimOptions {
    std::uint64_t seed = 1;
    unsigned requests = 8;          // size of the submission queue
    unsigned completions = 4;       // size of the completion queue; more of them overflow
    unsigned retry_permille = 100;  // EINTR, EAGAIN: what callers must never see
    unsigned short_permille = 300;  // transfers cut short
    unsigned error_permille = 0;    // any errno at all
    unsigned refuse_permille = 50;  // submits refused
};

class SimBackend final : public Backend {
public:
    explicit SimBackend(const SimOptions& options) noexcept;
    ~SimBackend() override;

    const char* name() const noexcept override { return "simulation"; }
    bool has_room(unsigned count) const noexcept override;
    io_uring_sqe& next() noexcept override;
    int submit() noexcept override;
    int wait() noexcept override;
    std::size_t reap(std::span<Completion> into) noexcept override;
    bool supports(unsigned opcode) const noexcept override { return opcode <= kOpWaitid; }
    std::chrono::nanoseconds now() const noexcept override { return time_; }
    Result<void> add_buffer_ring(const io_uring_buf_reg& ring) override;
    void remove_buffer_ring(std::uint16_t group) noexcept override;

    // How often the rarer things came about, so that a test can tell that its seeds reach them.
    struct Seen {
        unsigned cancels_won = 0, cancels_lost = 0, cancels_astray = 0, overflows = 0, refusals = 0;
        unsigned no_buffers = 0, short_transfers = 0, errors = 0, timeouts_won = 0, timeouts_lost = 0;
    };
    const Seen& seen() const noexcept { return seen_; }

private:
// io_uring_sqe ends in a zero-size array; nothing here uses it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
    struct Request {
        io_uring_sqe sqe{};
        std::optional<io_uring_sqe> timeout;  // the LINK_TIMEOUT behind it
        std::deque<Request> rest;             // the chain behind it, started when this one succeeds
        bool is_doomed = false;               // a cancel came too late: ends soon, one way or the other
        bool has_fired = false;               // a multishot poll waits for the edge
    };
#pragma GCC diagnostic pop
    using Requests = std::list<Request>;

    void accept_batch();
    void start(Request request);
    void cancel(const io_uring_sqe& sqe);
    void end(Requests::iterator request, int result, std::uint32_t flags = 0);
    void cancel_chain(std::deque<Request>& rest);
    // Tries to carry on with a request. False when it must go on waiting.
    bool advance(Requests::iterator request);
    bool advance_multishot(Requests::iterator request, int result, std::uint32_t flags);
    std::optional<int> attempt(Request& request, std::uint32_t& flags);
    std::optional<int> transfer(Request& request, std::uint32_t& flags);
    std::optional<int> receive_selected(Request& request, std::uint32_t& flags);
    bool strike(Requests::iterator request);
    std::optional<std::chrono::nanoseconds> next_timeout() const;
    bool step(bool is_eager);
    void post(std::uint64_t user_data, int result, std::uint32_t flags);
    void flush();

    SimOptions options_;
    Random random_;
    std::chrono::nanoseconds time_{1'000'000'000};
    std::vector<io_uring_sqe> queue_;
    unsigned queued_ = 0;
    Requests active_;
    std::vector<Completion> posting_;  // finished, not yet visible; leaves in random order
    std::deque<Completion> completions_;
    std::deque<Completion> overflow_;
    ProvidedBuffers buffers_;
    Seen seen_;
};

}  // namespace urc
