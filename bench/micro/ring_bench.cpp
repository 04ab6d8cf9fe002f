// What the loop costs, each case against plain system calls and against epoll: nop, spawn-and-wait of a
// process, a byte echoed through pipes, a timer.
//
// The other side of the echo is a process of its own, so that all three ways pay for the same switches. Run
// with --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true; numbers belong into perf/.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "uring/deadline.h"
#include "uring/nursery.h"
#include "uring/ops_file.h"
#include "uring/ops_process.h"
#include "uring/race.h"
#include "uring/ring.h"

namespace urc {
namespace {

// Runs `body` for all iterations inside one Loop::run. Skips the benchmark where there is no io_uring.
template <typename Body>
void on_loop(benchmark::State& state, Body body) {
    auto ring = Ring::create();
    if (!ring.ok()) return state.SkipWithError(ring.error().text().c_str());
    Loop loop(**ring);
    auto result = loop.run(body(loop, state));
    if (!result.ok()) state.SkipWithError(result.error().text().c_str());
}

std::pair<Fd, Fd> make_pipe() {
    int ends[2];
    URC_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    return {Fd(ends[0]), Fd(ends[1])};
}

Fd make_epoll(int fd) {
    Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{};
    event.events = EPOLLIN;
    URC_CHECK(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0);
    return epoll;
}

void wait_epoll(const Fd& epoll) {
    epoll_event event;
    while (::epoll_wait(epoll.get(), &event, 1, -1) < 1) continue;
}

// ---- nop ----------------------------------------------------------------------------------------

Task<void> nops(Loop& loop, benchmark::State& state) {
    for (auto _ : state) co_await nop(loop);
}
void nop_ring(benchmark::State& state) {
    on_loop(state, nops);
}
BENCHMARK(nop_ring);

Task<void> one_nop(Loop& loop) {
    co_await nop(loop);
}
Task<void> nop_batches(Loop& loop, benchmark::State& state) {
    std::int64_t count = state.range(0);
    for (auto _ : state) {
        Nursery nursery(loop);
        for (std::int64_t i = 0; i < count; ++i) nursery.spawn(one_nop(loop));
        co_await nursery.join();
    }
    state.SetItemsProcessed(state.iterations() * count);
}
void nop_ring_batch(benchmark::State& state) {
    on_loop(state, nop_batches);
}
BENCHMARK(nop_ring_batch)->Arg(32);

Task<void> empty_task() {
    co_return;
}
Task<void> empty_tasks(Loop&, benchmark::State& state) {
    for (auto _ : state) co_await empty_task();
}
void task_alone(benchmark::State& state) {
    on_loop(state, empty_tasks);
}
BENCHMARK(task_alone);

void nop_syscall(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(::syscall(SYS_getppid));
}
BENCHMARK(nop_syscall);

void nop_epoll(benchmark::State& state) {
    auto [out, in] = make_pipe();
    Fd epoll = make_epoll(out.get());
    epoll_event event;
    for (auto _ : state) benchmark::DoNotOptimize(::epoll_wait(epoll.get(), &event, 1, 0));
}
BENCHMARK(nop_epoll);

// ---- a process: clone with CLONE_VFORK semantics, exit at once, wait ----------------------------

Pidfd spawn() {
    int pidfd = -1;
    auto flags = static_cast<unsigned long>(CLONE_PIDFD | CLONE_VM | CLONE_VFORK | SIGCHLD);
    alignas(16) static std::array<char, 16384> stack;
    pid_t child = ::clone([](void*) -> int { ::_exit(0); }, stack.data() + stack.size(),
                          static_cast<int>(flags), nullptr, &pidfd);
    URC_CHECK(child > 0);
    return Pidfd(pidfd);
}

Task<void> spawn_and_wait(Loop& loop, benchmark::State& state) {
    for (auto _ : state) {
        Pidfd child = spawn();
        siginfo_t info = co_await wait_pidfd(loop, child.get());
        benchmark::DoNotOptimize(info);
    }
}
void spawn_wait_ring(benchmark::State& state) {
    on_loop(state, spawn_and_wait);
}
BENCHMARK(spawn_wait_ring);

void spawn_wait_syscall(benchmark::State& state) {
    for (auto _ : state) {
        Pidfd child = spawn();
        siginfo_t info{};
        ::waitid(P_PIDFD, static_cast<id_t>(child.get()), &info, WEXITED);
    }
}
BENCHMARK(spawn_wait_syscall);

void spawn_wait_epoll(benchmark::State& state) {
    for (auto _ : state) {
        Pidfd child = spawn();
        Fd epoll = make_epoll(child.get());
        wait_epoll(epoll);
        siginfo_t info{};
        ::waitid(P_PIDFD, static_cast<id_t>(child.get()), &info, WEXITED);
    }
}
BENCHMARK(spawn_wait_epoll);

// ---- a byte there and back ----------------------------------------------------------------------

// A process that sends back every byte until its pipe is closed.
class Echo {
public:
    Echo() {
        auto [there_out, there_in] = make_pipe();
        auto [back_out, back_in] = make_pipe();
        child_ = ::fork();
        if (child_ == 0) {
            there_in.reset();
            char byte;
            while (::read(there_out.get(), &byte, 1) == 1 && ::write(back_in.get(), &byte, 1) == 1) continue;
            ::_exit(0);
        }
        to_ = std::move(there_in);
        from_ = std::move(back_out);
    }
    Echo(const Echo&) = delete;
    Echo& operator=(const Echo&) = delete;
    ~Echo() {
        to_.reset();
        ::waitpid(child_, nullptr, 0);
    }
    int to() const { return to_.get(); }
    int from() const { return from_.get(); }

private:
    Fd to_;
    Fd from_;
    pid_t child_ = -1;
};

Task<void> echo_bytes(Loop& loop, benchmark::State& state) {
    Echo echo;
    std::byte byte[1] = {};
    for (auto _ : state) {
        co_await write(loop, echo.to(), byte);
        co_await read(loop, echo.from(), byte);
    }
}
void echo_ring(benchmark::State& state) {
    on_loop(state, echo_bytes);
}
BENCHMARK(echo_ring)->UseRealTime();

void echo_syscall(benchmark::State& state) {
    Echo echo;
    char byte = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(::write(echo.to(), &byte, 1));
        benchmark::DoNotOptimize(::read(echo.from(), &byte, 1));
    }
}
BENCHMARK(echo_syscall)->UseRealTime();

void echo_epoll(benchmark::State& state) {
    Echo echo;
    Fd epoll = make_epoll(echo.from());
    char byte = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(::write(echo.to(), &byte, 1));
        wait_epoll(epoll);
        benchmark::DoNotOptimize(::read(echo.from(), &byte, 1));
    }
}
BENCHMARK(echo_epoll)->UseRealTime();

// ---- a timer of 1 us: what is above that is the way there ---------------------------------------

constexpr std::chrono::nanoseconds kTimer = std::chrono::microseconds(1);

Task<void> timers(Loop& loop, benchmark::State& state) {
    for (auto _ : state) co_await sleep(loop, kTimer);
}
void timer_ring(benchmark::State& state) {
    on_loop(state, timers);
}
BENCHMARK(timer_ring)->UseRealTime();

void timer_syscall(benchmark::State& state) {
    timespec time{0, kTimer.count()};
    for (auto _ : state) ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}
BENCHMARK(timer_syscall)->UseRealTime();

void timer_epoll(benchmark::State& state) {
    Fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    Fd epoll = make_epoll(timer.get());
    itimerspec time{};
    time.it_value.tv_nsec = kTimer.count();
    std::uint64_t count;
    for (auto _ : state) {
        ::timerfd_settime(timer.get(), 0, &time, nullptr);
        wait_epoll(epoll);
        benchmark::DoNotOptimize(::read(timer.get(), &count, sizeof count));
    }
}
BENCHMARK(timer_epoll)->UseRealTime();

// ---- a deadline around an operation that never needs it -----------------------------------------

Task<void> nops_with_deadline(Loop& loop, benchmark::State& state) {
    for (auto _ : state) co_await deadline(nop(loop), std::chrono::hours(1));
}
void nop_ring_deadline(benchmark::State& state) {
    on_loop(state, nops_with_deadline);
}
BENCHMARK(nop_ring_deadline);

// ---- what `run` pays for having a ring at all ---------------------------------------------------

void ring_create(benchmark::State& state) {
    for (auto _ : state) {
        auto ring = Ring::create();
        if (!ring.ok()) return state.SkipWithError(ring.error().text().c_str());
    }
}
BENCHMARK(ring_create);

}  // namespace
}  // namespace urc
