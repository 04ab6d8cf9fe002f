// What a host without io_uring pays: the same loop and the same tasks on Ring and on EpollBackend.
//
//   ping_pong     two tasks and two pipes: every read has to wait
//   ping_pong_32  32 such pairs at once: one wait for many
//   waiting       one such pair beside a thousand reads of a pipe that nobody writes to
//
// Run with --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true; numbers belong into perf/.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <deque>
#include <utility>

#include "uring/epoll_backend.h"
#include "uring/nursery.h"
#include "uring/ops_file.h"
#include "uring/ring.h"

namespace urc {
namespace {

std::pair<Fd, Fd> make_pipe() {
    int ends[2];
    URC_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    return {Fd(ends[0]), Fd(ends[1])};
}

struct Pipes {
    std::pair<Fd, Fd> there = make_pipe();
    std::pair<Fd, Fd> back = make_pipe();
};

Task<void> answer(Loop& loop, Pipes& pipes) {
    std::byte byte[1];
    for (;;) {
        std::size_t count = co_await read(loop, pipes.there.first.get(), byte);
        if (count == 0) co_return;
        co_await write(loop, pipes.back.second.get(), byte);
    }
}
Task<void> ask(Loop& loop, Pipes& pipes) {
    std::byte byte[1] = {};
    co_await write(loop, pipes.there.second.get(), byte);
    co_await read(loop, pipes.back.first.get(), byte);
}
Task<void> wait_for_ever(Loop& loop, int fd) {
    std::byte byte[1];
    co_await read(loop, fd, byte);
}

Task<void> measure(Loop& loop, benchmark::State& state, int pairs, int idle) {
    std::deque<Pipes> pipes(static_cast<std::size_t>(pairs));
    auto silence = make_pipe();
    Nursery others(loop);
    for (Pipes& pair : pipes) others.spawn(answer(loop, pair));
    for (int i = 0; i < idle; ++i) others.spawn(wait_for_ever(loop, silence.first.get()));
    for (auto _ : state) {
        Nursery round(loop);
        for (Pipes& pair : pipes) round.spawn(ask(loop, pair));
        co_await round.join();
    }
    state.SetItemsProcessed(state.iterations() * pairs);
    others.cancel();
    co_await others.join();
}

template <typename B>
void on(benchmark::State& state, int pairs, int idle) {
    auto backend = B::create();
    if (!backend.ok()) return state.SkipWithError(backend.error().text().c_str());
    Loop loop(**backend);
    auto result = loop.run(measure(loop, state, pairs, idle));
    if (!result.ok()) state.SkipWithError(result.error().text().c_str());
}

void ring(benchmark::State& state, int pairs, int idle) {
    on<Ring>(state, pairs, idle);
}
void epoll(benchmark::State& state, int pairs, int idle) {
    on<EpollBackend>(state, pairs, idle);
}
BENCHMARK_CAPTURE(ring, ping_pong, 1, 0)->UseRealTime();
BENCHMARK_CAPTURE(epoll, ping_pong, 1, 0)->UseRealTime();
BENCHMARK_CAPTURE(ring, ping_pong_32, 32, 0)->UseRealTime();
BENCHMARK_CAPTURE(epoll, ping_pong_32, 32, 0)->UseRealTime();
BENCHMARK_CAPTURE(ring, waiting, 1, 1000)->UseRealTime();
BENCHMARK_CAPTURE(epoll, waiting, 1, 1000)->UseRealTime();

// What `run` pays for having a backend at all; ring_bench.cpp has the ring's price.
void create_epoll(benchmark::State& state) {
    for (auto _ : state) {
        auto backend = EpollBackend::create();
        if (!backend.ok()) return state.SkipWithError(backend.error().text().c_str());
    }
}
BENCHMARK(create_epoll);

}  // namespace
}  // namespace urc
