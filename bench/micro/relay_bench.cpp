// What the relay of output costs: one container that writes as fast as it can, and a thousand that write a
// line now and then. The writer is a process of its own; logs are in /dev/shm.
//
// `cpu_us_per_line` and `cpu_ms_per_GB` are this process's own time, so that they do not depend on how many
// processors the writer may use. Numbers belong into perf/.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "core/relay/format.h"
#include "core/relay/output.h"
#include "uring/nursery.h"
#include "uring/ring.h"

namespace urc::relay {
namespace {

constexpr std::size_t kLineSize = 80;

std::string line_of(std::size_t size) {
    return std::string(size - 1, 'x') + '\n';
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string log_path(std::size_t number) {
    return "/dev/shm/urc-relay-bench-" + std::to_string(::getpid()) + '-' + std::to_string(number);
}

struct Pipe {
    Fd from, to;
    Pipe() {
        int ends[2];
        URC_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
        from = Fd(ends[0]);
        to = Fd(ends[1]);
    }
};

// A process that writes `text` to each of `pipes`, `rounds` times.
pid_t start_writer(const std::vector<Pipe>& pipes, const std::string& text, std::size_t rounds) {
    pid_t pid = ::fork();
    if (pid != 0) return pid;
    for (std::size_t round = 0; round < rounds; ++round)
        for (const Pipe& pipe : pipes)
            for (std::size_t done = 0; done < text.size();) {
                ssize_t count = ::write(pipe.to.get(), text.data() + done, text.size() - done);
                if (count < 0) ::_exit(1);
                done += static_cast<std::size_t>(count);
            }
    ::_exit(0);
}

Task<void> relay_all(Loop& loop, std::vector<std::unique_ptr<Output>>& outputs, std::vector<Pipe>& pipes) {
    Nursery nursery(loop);
    for (std::size_t i = 0; i < pipes.size(); ++i)
        nursery.spawn(outputs[i]->relay(pipes[i].from.get(), Stream::out));
    co_await nursery.join();
}

// `count` containers, each of which says `text` `rounds` times.
void relay_of(benchmark::State& state, Driver driver, std::size_t count, const std::string& text,
              std::size_t rounds, std::size_t line_size) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    auto ring = Ring::create();
    if (!ring.ok()) return state.SkipWithError(ring.error().text().c_str());
    Loop loop(**ring);
    BufferRingOptions options;
    options.count = 16;
    options.size = 64 << 10;
    auto buffers = BufferRing::create(loop, options);
    if (!buffers.ok()) return state.SkipWithError(buffers.error().text().c_str());
    double cpu = 0;
    for (auto _ : state) {
        state.PauseTiming();
        std::vector<Pipe> pipes(count);
        std::vector<std::unique_ptr<Output>> outputs;
        for (std::size_t i = 0; i < count; ++i) {
            OutputOptions output;
            output.id = "c" + std::to_string(i);
            SinkOptions sink;
            sink.driver = driver;
            sink.path = log_path(i);
            ::unlink(sink.path.c_str());
            output.sinks = {sink};
            outputs.push_back(std::move(*Output::open(loop, **buffers, std::move(output))));
        }
        pid_t writer = start_writer(pipes, text, rounds);
        for (Pipe& pipe : pipes) pipe.to.reset();
        state.ResumeTiming();
        double before = cpu_seconds();
        auto result = loop.run(relay_all(loop, outputs, pipes));
        cpu += cpu_seconds() - before;
        state.PauseTiming();
        if (!result.ok()) state.SkipWithError(result.error().text().c_str());
        ::waitpid(writer, nullptr, 0);
        state.ResumeTiming();
    }
    for (std::size_t i = 0; i < count; ++i) ::unlink(log_path(i).c_str());
    auto bytes = static_cast<double>(state.iterations()) * static_cast<double>(count * rounds * text.size());
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
    double lines = bytes / static_cast<double>(line_size);
    state.SetItemsProcessed(static_cast<std::int64_t>(lines));
    state.counters["cpu_us_per_line"] = cpu * 1e6 / lines;
    state.counters["cpu_ms_per_GB"] = cpu * 1e3 / (bytes / 1e9);
}

std::string block() {
    std::string text;
    while (text.size() + kLineSize <= (64 << 10)) text += line_of(kLineSize);
    return text;
}

void one_k8s_file(benchmark::State& state) {
    relay_of(state, Driver::k8s_file, 1, block(), 4000, kLineSize);
}
BENCHMARK(one_k8s_file)->UseRealTime()->Unit(benchmark::kMillisecond);

void one_json_file(benchmark::State& state) {
    relay_of(state, Driver::json_file, 1, block(), 4000, kLineSize);
}
BENCHMARK(one_json_file)->UseRealTime()->Unit(benchmark::kMillisecond);

void one_raw_file(benchmark::State& state) {
    relay_of(state, Driver::raw_file, 1, block(), 8000, kLineSize);
}
BENCHMARK(one_raw_file)->UseRealTime()->Unit(benchmark::kMillisecond);

void thousand_k8s_files(benchmark::State& state) {
    relay_of(state, Driver::k8s_file, 1000, line_of(100), 1000, 100);
}
BENCHMARK(thousand_k8s_files)->UseRealTime()->Unit(benchmark::kMillisecond);

void thousand_raw_files(benchmark::State& state) {
    relay_of(state, Driver::raw_file, 1000, line_of(100), 1000, 100);
}
BENCHMARK(thousand_raw_files)->UseRealTime()->Unit(benchmark::kMillisecond);

// Without reading and writing.
void format_alone(benchmark::State& state) {
    SinkOptions options;
    options.driver = static_cast<Driver>(state.range(0));
    auto format = make_format(options, "c1");
    const std::string text = block();
    std::vector<char> memory(1 << 20);
    for (auto _ : state) {
        Room room;
        room.memory = memory;
        room.size_max = memory.size();
        Chunk chunk;
        chunk.time = WallTime(1767323045'123456789);
        chunk.bytes = text;
        benchmark::DoNotOptimize(format->format(chunk, room).size);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(format_alone)
    ->Arg(static_cast<int>(Driver::k8s_file))
    ->Arg(static_cast<int>(Driver::json_file))
    ->Arg(static_cast<int>(Driver::journald));

}  // namespace
}  // namespace urc::relay
