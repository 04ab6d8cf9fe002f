// What the relay of output costs: one container that writes as fast as it can, and a thousand that write a
// line now and then. The writer is a process of its own; logs are in /dev/shm.
//
// `cpu_us_per_line` and `cpu_ms_per_GB` are this process's own time, so that they do not depend on how many
// processors the writer may use. Numbers belong into perf/.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "core/relay/format.h"
#include "core/relay/output.h"
#include "uring/nursery.h"
#include "uring/ring.h"

namespace urc::relay {
namespace {

constexpr std::size_t kLineSize = 80;
constexpr std::size_t kThousand = 1000;

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

void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

// `size` bytes of lines an iteration.
void count_lines(benchmark::State& state, double cpu, std::size_t size, std::size_t line_size) {
    auto bytes = static_cast<double>(state.iterations()) * static_cast<double>(size);
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
    double lines = bytes / static_cast<double>(line_size);
    state.SetItemsProcessed(static_cast<std::int64_t>(lines));
    state.counters["cpu_us_per_line"] = cpu * 1e6 / lines;
    state.counters["cpu_ms_per_GB"] = cpu * 1e3 / (bytes / 1e9);
}

// `count` containers, each of which says `text` `rounds` times.
void relay_of(benchmark::State& state, Driver driver, std::size_t count, const std::string& text,
              std::size_t rounds, std::size_t line_size) {
    raise_descriptor_limit();
    auto ring = Ring::create();
    if (!ring.ok()) return state.SkipWithError(ring.error().text().c_str());
    Loop loop(**ring);
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
            outputs.push_back(std::move(*Output::open(loop, std::move(output))));
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
    count_lines(state, cpu, count * rounds * text.size(), line_size);
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

// A thousand that say `lines` at a time, a million in all: how much a busy process reads at once is what its
// speed depends on.
void thousand(benchmark::State& state, Driver driver) {
    const auto lines = static_cast<std::size_t>(state.range(0));
    std::string text;
    for (std::size_t i = 0; i < lines; ++i) text += line_of(100);
    relay_of(state, driver, 1000, text, 1000 / lines, 100);
}
void thousand_k8s_files(benchmark::State& state) {
    thousand(state, Driver::k8s_file);
}
BENCHMARK(thousand_k8s_files)->Arg(1)->Arg(10)->Arg(100)->UseRealTime()->Unit(benchmark::kMillisecond);

void thousand_raw_files(benchmark::State& state) {
    thousand(state, Driver::raw_file);
}
BENCHMARK(thousand_raw_files)->Arg(1)->Arg(10)->UseRealTime()->Unit(benchmark::kMillisecond);

// Until all pipes are at their end.
void copy_by_epoll(int epoll, const std::vector<Pipe>& pipes, const std::vector<Fd>& logs) {
    static std::array<char, 64 << 10> buffer;
    for (std::size_t left = pipes.size(); left > 0;) {
        std::array<epoll_event, 64> events;
        const int ready = ::epoll_wait(epoll, events.data(), events.size(), -1);
        for (int i = 0; i < ready; ++i) {
            const std::size_t number = events[static_cast<std::size_t>(i)].data.u64;
            const ssize_t size = ::read(pipes[number].from.get(), buffer.data(), buffer.size());
            if (size > 0) {
                URC_CHECK(::write(logs[number].get(), buffer.data(), static_cast<std::size_t>(size)) == size);
                continue;
            }
            ::epoll_ctl(epoll, EPOLL_CTL_DEL, pipes[number].from.get(), nullptr);
            --left;
        }
    }
}

// The yardstick: epoll(7), read(2) and write(2) and nothing else, into the same files, without time stamps.
void thousand_by_epoll(benchmark::State& state) {
    const auto lines = static_cast<std::size_t>(state.range(0));
    std::string text;
    for (std::size_t i = 0; i < lines; ++i) text += line_of(100);
    raise_descriptor_limit();
    double cpu = 0;
    for (auto _ : state) {
        state.PauseTiming();
        std::vector<Pipe> pipes(kThousand);
        std::vector<Fd> logs;
        Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
        for (std::size_t i = 0; i < kThousand; ++i) {
            logs.emplace_back(
                ::open(log_path(i).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
            epoll_event event{EPOLLIN, {.u64 = i}};
            URC_CHECK(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, pipes[i].from.get(), &event) == 0);
        }
        pid_t writer = start_writer(pipes, text, kThousand / lines);
        for (Pipe& pipe : pipes) pipe.to.reset();
        state.ResumeTiming();
        double before = cpu_seconds();
        copy_by_epoll(epoll.get(), pipes, logs);
        cpu += cpu_seconds() - before;
        state.PauseTiming();
        ::waitpid(writer, nullptr, 0);
        state.ResumeTiming();
    }
    for (std::size_t i = 0; i < kThousand; ++i) ::unlink(log_path(i).c_str());
    count_lines(state, cpu, kThousand * (kThousand / lines) * text.size(), 100);
}
BENCHMARK(thousand_by_epoll)->Arg(1)->Arg(10)->Arg(100)->UseRealTime()->Unit(benchmark::kMillisecond);

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
