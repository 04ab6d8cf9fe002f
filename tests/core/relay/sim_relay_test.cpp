// The relay under a simulated kernel: reads in any order and size, disks and fifos that refuse, cancelled
// anywhere. Every byte arrives once, in its order. URC_SIM_SEEDS says for how many seeds (simulate.h).
#include <gtest/gtest.h>

#include "tests/core/relay/relay_fixture.h"
#include "tests/sim/simulate.h"

namespace urc::relay {
namespace {

std::unique_ptr<Output> make_output(World& world, Files& files, const Log& log,
                                    std::vector<SinkOptions> sinks) {
    OutputOptions options;
    options.id = "c1";
    options.sinks = std::move(sinks);
    options.files = &files;
    options.log = &log;
    auto output = Output::open(world.loop, std::move(options));
    EXPECT_TRUE(output.ok());
    return std::move(*output);
}

// Says nothing of what the disk was made to refuse.
Log quiet_log() {
    LogOptions options;
    options.path = "/dev/null";
    auto log = Log::open(options);
    return log.ok() ? std::move(*log) : Log();
}

std::string random_text(World& world) {
    std::string text;
    for (std::size_t lines = world.random.below(100); lines > 0; --lines) {
        std::size_t size = world.random.chance(20) ? world.random.below(40000) : world.random.below(100);
        text += std::to_string(lines) + std::string(size, static_cast<char>('a' + lines % 26)) + '\n';
    }
    if (world.random.chance(300)) text += "no end";
    return text;
}

Task<void> speak(World& world, Fd fd, std::string text) {
    for (std::string_view rest = text; !rest.empty();) {
        std::string_view part = rest.substr(0, 1 + world.random.below(5000));
        co_await write(world.loop, fd.get(), part);
        rest.remove_prefix(part.size());
        if (world.random.chance(100)) co_await sleep(world.loop, 150ms);
    }
}

std::string closed(std::string text) {
    if (!text.empty() && text.back() != '\n') text += '\n';
    return text;
}

// Both streams into a log that is rotated, on a disk that refuses at any write; and into two raw files.
Task<void> refusing_disk(World& world) {
    Directory directory;
    MoodyFiles files;
    Log log = quiet_log();
    for (std::size_t writes = world.random.below(30); writes > 0; --writes) {
        constexpr int kErrors[] = {0, 0, ENOSPC, EDQUOT, EIO, EINTR};
        files.moods.push_back({1 + world.random.below(300), kErrors[world.random.below(6)]});
    }
    auto k8s = file_sink(Driver::k8s_file, directory.path("log"));
    k8s.size_max = 3000 + world.random.below(100000);
    k8s.files_max = 1000;
    k8s.policy = world.random.chance(500) ? Policy::block : Policy::spill;
    k8s.buffer_size = static_cast<std::uint32_t>(1 + world.random.below(20000));
    k8s.spill_size = 1 + world.random.below(200000);
    auto out = file_sink(Driver::raw_file, directory.path("out"));
    auto err = file_sink(Driver::raw_file, directory.path("err"));
    out.takes_err = err.takes_out = false;
    auto output = make_output(world, files, log, {k8s, out, err});
    auto [out_from, out_to] = make_pipe();
    auto [err_from, err_to] = make_pipe();
    const std::string out_text = random_text(world), err_text = random_text(world);
    Nursery nursery(world.loop);
    nursery.spawn(output->relay(out_from.get(), Stream::out));
    nursery.spawn(output->relay(err_from.get(), Stream::err));
    nursery.spawn(speak(world, std::move(out_to), out_text));
    nursery.spawn(speak(world, std::move(err_to), err_text));
    co_await nursery.join();
    co_await output->finish(1h);
    std::string all;
    for (std::size_t number = directory.names().size(); number > 0; --number)
        all += directory.text("log." + std::to_string(number));
    all += directory.text("log");
    EXPECT_TRUE(k8s_text(all, "stdout") == closed(out_text));
    EXPECT_TRUE(k8s_text(all, "stderr") == closed(err_text));
    EXPECT_TRUE(directory.text("out") == out_text);
    EXPECT_TRUE(directory.text("err") == err_text);
}

TEST(RelaySimulation, ADiskThatRefusesAtAnyWriteCostsNoByteAndDoublesNone) {
    (void)simulate(&refusing_disk, 0);
}

// Cancelled at any point; what is left in the pipe is drained.
Task<void> cancelled(World& world) {
    Directory directory;
    MoodyFiles files;
    Log log = quiet_log();
    auto output = make_output(world, files, log,
                              {file_sink(Driver::k8s_file, directory.path("log")),
                               file_sink(Driver::raw_file, directory.path("raw"))});
    auto [from, to] = make_pipe(O_NONBLOCK);
    const std::string text = random_text(world).substr(0, 60000);
    std::string_view rest = text;
    Nursery nursery(world.loop);
    nursery.spawn(output->relay(from.get(), Stream::out));
    for (std::size_t turns = world.random.below(20); turns > 0; --turns) {
        if (world.random.chance(300)) {
            std::string_view part = rest.substr(0, world.random.below(4000));
            ssize_t count = part.empty() ? 0 : ::write(to.get(), part.data(), part.size());
            if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
        }
        co_await nop(world.loop);
    }
    nursery.cancel();
    (void)co_await settled(nursery.join());
    co_await output->drain(from.get(), Stream::out);
    co_await output->finish(1s);
    const std::string said = text.substr(0, text.size() - rest.size());
    EXPECT_TRUE(directory.text("raw") == said);
    EXPECT_TRUE(k8s_text(directory.text("log")) == closed(said));
}

TEST(RelaySimulation, MayBeCancelledAtAnyTimeAndLosesNothing) {
    auto seen = simulate(&cancelled, 0);
    EXPECT_GT(seen.cancels_lost, 0U);
}

Task<void> read_slowly(World& world, int fd, std::string& got, std::size_t size) {
    std::vector<std::byte> buffer(100 + world.random.below(9000));
    while (got.size() < size) {
        if (world.random.chance(300)) co_await sleep(world.loop, 50ms);
        std::size_t count = co_await read(world.loop, fd, buffer);
        if (count == 0) break;
        got += text_of(std::span(buffer).first(count));
    }
}

// A fifo whose reader is slow, beside a file.
Task<void> slow_reader(World& world) {
    Directory directory;
    MoodyFiles files;
    Log log = quiet_log();
    auto fifo = file_sink(Driver::fifo, directory.path("fifo"));
    fifo.policy = world.random.chance(500) ? Policy::block : Policy::spill;
    fifo.buffer_size = static_cast<std::uint32_t>(1 + world.random.below(20000));
    fifo.spill_size = 1 + world.random.below(100000);
    std::vector<SinkOptions> sinks = {fifo};
    bool has_file = world.random.chance(500);
    if (has_file) sinks.push_back(file_sink(Driver::raw_file, directory.path("raw")));
    auto output = make_output(world, files, log, sinks);
    Fd reader = co_await open_at(AT_FDCWD, fifo.path.c_str(), O_RDONLY | O_NONBLOCK);
    ::fcntl(reader.get(), F_SETPIPE_SZ, 4096);
    auto [from, to] = make_pipe();
    auto [err_from, err_to] = make_pipe();
    const std::string text = random_text(world);
    std::string got;
    Nursery nursery(world.loop);
    nursery.spawn(output->relay(from.get(), Stream::out));
    nursery.spawn(output->relay(err_from.get(), Stream::err));
    nursery.spawn(speak(world, std::move(to), text));
    nursery.spawn(read_slowly(world, reader.get(), got, text.size()));
    // What the end of stdout leaves in the sink, stderr's relay hands on.
    while (nursery.children() > 1) co_await sleep(world.loop, 10ms);
    err_to.reset();
    co_await nursery.join();
    co_await output->finish(1s);
    EXPECT_TRUE(got == text);
    if (has_file) {
        EXPECT_TRUE(directory.text("raw") == text);
    }
}

TEST(RelaySimulation, ASlowReaderGetsEveryByteInOrder) {
    (void)simulate(&slow_reader, 0);
}

// Any errno from any request: the relay may end, but nothing is left behind.
Task<void> failing(World& world) {
    Directory directory;
    MoodyFiles files;
    Log log = quiet_log();
    auto fifo = file_sink(Driver::fifo, directory.path("fifo"));
    auto output = make_output(world, files, log, {file_sink(Driver::k8s_file, directory.path("log")), fifo});
    auto [from, to] = make_pipe();
    Nursery nursery(world.loop);
    nursery.spawn(output->relay(from.get(), Stream::out));
    nursery.spawn(speak(world, std::move(to), random_text(world).substr(0, 30000)));
    (void)co_await settled(nursery.join());
    co_await output->finish(1s);
}

TEST(RelaySimulation, EndsCleanlyOnAnyErrno) {
    EXPECT_GT(simulate(&failing, 20).errors, 0U);
}

}  // namespace
}  // namespace urc::relay
