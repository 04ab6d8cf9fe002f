// The loop under a simulated kernel, many seeds a scenario. URC_SIM_SEEDS says how many (default 200);
// URC_SIM_SEED runs a single one: the number that a failure prints.
#include <gtest/gtest.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/sim/sim_backend.h"
#include "tests/uring/loop_fixture.h"
#include "uring/link.h"
#include "uring/ops_process.h"
#include "uring/ops_socket.h"
#include "uring/race.h"
#include "uring/stream.h"

namespace urc {
namespace {

using namespace std::chrono_literals;

// What one run of a scenario gets.
struct World {
    Loop& loop;
    Random random;
    bool has_errors;
};
using Scenario = Task<void> (*)(World&);

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

void add(SimBackend::Seen& total, const SimBackend::Seen& seen) {
    total.cancels_won += seen.cancels_won;
    total.cancels_lost += seen.cancels_lost;
    total.cancels_astray += seen.cancels_astray;
    total.overflows += seen.overflows;
    total.refusals += seen.refusals;
    total.no_buffers += seen.no_buffers;
    total.short_transfers += seen.short_transfers;
    total.errors += seen.errors;
    total.timeouts_won += seen.timeouts_won;
    total.timeouts_lost += seen.timeouts_lost;
}

// A failed URC_CHECK aborts: its seed must be known too.
std::uint64_t seed_running = 0;
void print_seed(int) {
    char line[64];
    int size =
        std::snprintf(line, sizeof line, "sim: seed %llu\n", static_cast<unsigned long long>(seed_running));
    [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, line, static_cast<std::size_t>(size));
}

// Runs `scenario` for all seeds. With errors it may end with any Error, but it must end, with nothing left;
// without, it must succeed.
SimBackend::Seen simulate(Scenario scenario, unsigned error_permille) {
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGABRT, &print_seed);
    std::uint64_t first = number_from_environment("URC_SIM_SEED", 1);
    std::uint64_t count = std::getenv("URC_SIM_SEED") ? 1 : number_from_environment("URC_SIM_SEEDS", 200);
    SimBackend::Seen total;
    for (std::uint64_t seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        seed_running = seed;
        LeakCheck leaks;
        Random random(seed);
        SimOptions options;
        options.seed = random.next();
        options.requests = 4U << random.below(4);
        options.completions = 1U << random.below(6);
        options.error_permille = error_permille;
        {
            SimBackend backend(options);
            Loop loop(backend);
            World world{loop, Random(random.next()), error_permille > 0};
            auto result = loop.run(scenario(world));
            EXPECT_TRUE(result.ok() || error_permille > 0) << (result.ok() ? "" : result.error().text());
            EXPECT_EQ(loop.in_flight(), 0U);
            add(total, backend.seen());
        }
        leaks.check();
    }
    ::signal(SIGABRT, SIG_DFL);
    return total;
}

std::byte pattern(std::size_t position, std::size_t stream) {
    return static_cast<std::byte>((position * 7 + stream * 13 + position / 251) & 0xff);
}

// ---- pipes
// ------------------------------------------------------------------------------------------------------

Task<void> produce(Loop& loop, Fd to, std::size_t size, std::size_t stream) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = pattern(i, stream);
    std::size_t written = co_await write(loop, to.get(), bytes);
    EXPECT_EQ(written, size);
}

Task<void> consume(Loop& loop, Fd from, std::size_t size, std::size_t stream) {
    std::byte buffer[700];
    std::size_t position = 0;
    for (;;) {
        std::size_t count = co_await read(loop, from.get(), buffer);
        if (count == 0) break;
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(buffer[i], pattern(position + i, stream));
        position += count;
    }
    EXPECT_EQ(position, size);
}

Task<void> relay(Loop& loop, Fd from, Fd to) {
    std::byte buffer[300];
    for (;;) {
        std::size_t count = co_await read(loop, from.get(), buffer);
        if (count == 0) co_return;
        co_await write(loop, to.get(), std::span(buffer).first(count));
    }
}

Task<void> pipes(World& world) {
    Nursery nursery(world.loop);
    for (std::size_t stream = 0; stream < 4; ++stream) {
        std::size_t size = world.random.below(20000);
        auto [a_out, a_in] = make_pipe(stream % 2 ? O_NONBLOCK : 0);
        auto [b_out, b_in] = make_pipe();
        nursery.spawn(produce(world.loop, std::move(a_in), size, stream));
        nursery.spawn(relay(world.loop, std::move(a_out), std::move(b_in)));
        nursery.spawn(consume(world.loop, std::move(b_out), size, stream));
    }
    co_await nursery.join();
}

TEST(Simulation, BytesThroughPipesArriveWholeAndInOrder) {
    auto seen = simulate(&pipes, 0);
    EXPECT_GT(seen.short_transfers, 0U);
    EXPECT_GT(seen.refusals, 0U);
    EXPECT_GT(seen.overflows, 0U);
}

// A producer that fails closes its pipe early: then the consumer's count is wrong, which is no failure here.
Task<void> drop_all(Loop& loop, Fd from) {
    std::byte buffer[700];
    for (;;) {
        std::size_t count = co_await read(loop, from.get(), buffer);
        if (count == 0) co_return;
    }
}
Task<void> write_zeroes(Loop& loop, Fd to) {
    std::vector<std::byte> bytes(9000);
    co_await write(loop, to.get(), bytes);
}
Task<void> pipes_that_fail(World& world) {
    Nursery nursery(world.loop);
    for (int i = 0; i < 4; ++i) {
        auto [a_out, a_in] = make_pipe();
        auto [b_out, b_in] = make_pipe();
        nursery.spawn(write_zeroes(world.loop, std::move(a_in)));
        nursery.spawn(relay(world.loop, std::move(a_out), std::move(b_in)));
        nursery.spawn(drop_all(world.loop, std::move(b_out)));
    }
    co_await nursery.join();
}

TEST(Simulation, AnyErrnoAnywhereEndsAllTasksWithNothingLeft) {
    auto seen = simulate(&pipes_that_fail, 20);
    EXPECT_GT(seen.errors, 0U);
    EXPECT_GT(seen.cancels_won, 0U);
}

// ---- deadlines and cancels
// ----------------------------------------------------------------------------------------

Task<void> slow_producer(World& world, Fd to, std::size_t& written) {
    std::vector<std::byte> bytes(100);
    for (int i = 0; i < 20; ++i) {
        co_await sleep(world.loop, std::chrono::microseconds(world.random.below(2000)));
        written += co_await write(world.loop, to.get(), std::span(bytes).first(1 + world.random.below(99)));
    }
}

Task<void> impatient_consumer(World& world, Fd from, std::size_t& got) {
    std::byte buffer[64];
    for (;;) {
        auto wait = std::chrono::microseconds(world.random.below(1500));
        auto before = world.loop.now();
        auto result = co_await settled(deadline(read(world.loop, from.get(), buffer), wait));
        if (result.ok() && *result == 0) co_return;
        if (result.ok()) {
            got += *result;
            continue;
        }
        if (result.error().code() != ETIMEDOUT) co_await fail(std::move(result).error());
        EXPECT_TRUE(world.has_errors || world.loop.now() >= before + wait);
    }
}

Task<void> deadlines(World& world) {
    auto [out, in] = make_pipe();
    std::size_t written = 0;
    std::size_t got = 0;
    auto result = co_await settled(all(world.loop, slow_producer(world, std::move(in), written),
                                       impatient_consumer(world, std::move(out), got)));
    if (!result.ok()) co_await fail(std::move(result).error());
    EXPECT_EQ(got, written) << "a read that the deadline met has lost its bytes";
}

TEST(Simulation, ADeadlineNeitherLosesBytesNorComesEarly) {
    auto seen = simulate(&deadlines, 0);
    EXPECT_GT(seen.timeouts_won, 0U);
    EXPECT_GT(seen.timeouts_lost, 0U);
}

TEST(Simulation, DeadlinesSurviveAnyErrno) {
    EXPECT_GT(simulate(&deadlines, 20).errors, 0U);
}

Task<void> read_until_cancelled(Loop& loop, int from, std::size_t& got) {
    std::byte buffer[16];
    for (;;) {
        auto result = co_await settled(read(loop, from, buffer));
        if (!result.ok()) co_await fail(std::move(result).error());
        got += *result;
    }
}

Task<void> cancel_at_some_time(World& world) {
    auto [out, in] = make_pipe(O_NONBLOCK);
    std::size_t written = 0;
    std::size_t got = 0;
    for (int round = 0; round < 10; ++round) {
        Nursery nursery(world.loop);
        for (int i = 0; i < 3; ++i) nursery.spawn(read_until_cancelled(world.loop, out.get(), got));
        std::size_t size = world.random.below(60);
        std::vector<std::byte> bytes(size);
        if (size > 0) written += co_await write(world.loop, in.get(), bytes);
        for (std::size_t turns = world.random.below(4); turns > 0; --turns) co_await nop(world.loop);
        if (world.random.chance(500)) co_await sleep(world.loop, 1ms);
        nursery.cancel();
        co_await nursery.join();
    }
    std::byte rest[1000];
    ssize_t left = ::read(out.get(), rest, sizeof rest);
    got += left > 0 ? static_cast<std::size_t>(left) : 0;
    EXPECT_EQ(got, written) << "a cancel that lost has lost bytes too";
}

TEST(Simulation, ACancelWaitsForBothCompletionsAndLosesNoBytes) {
    auto seen = simulate(&cancel_at_some_time, 0);
    EXPECT_GT(seen.cancels_won, 0U);
    EXPECT_GT(seen.cancels_lost, 0U);
    EXPECT_GT(seen.cancels_astray, 0U);
}

Task<void> everything_stops(World& world) {
    Nursery nursery(world.loop);
    auto [out, in] = make_pipe();
    std::size_t got = 0;
    nursery.spawn(read_until_cancelled(world.loop, out.get(), got));
    nursery.spawn(pipes_that_fail(world));
    co_await sleep(world.loop, std::chrono::nanoseconds(world.random.below(1000)));
    world.loop.cancel_all();
    auto result = co_await settled(nursery.join());
    EXPECT_FALSE(result.ok());
    auto refused = co_await settled(nop(world.loop));
    EXPECT_EQ(refused.error().code(), ECANCELED);
    // Clean-up still works.
    co_await shielded(world.loop, [](Loop& loop) -> Task<void> { co_await sleep(loop, 1ms); }(world.loop));
}

TEST(Simulation, CancelAllStopsWhateverRuns) {
    (void)simulate(&everything_stops, 0);
}

// ---- time
// -----------------------------------------------------------------------------------------------------------

Task<void> sleeper(World& world, std::chrono::nanoseconds time, std::size_t& awake) {
    auto wanted = world.loop.now() + time;
    co_await sleep(world.loop, time);
    EXPECT_GE(world.loop.now(), wanted);
    ++awake;
}

Task<void> timers(World& world) {
    std::size_t awake = 0;
    {
        Nursery nursery(world.loop);
        for (int i = 0; i < 40; ++i) {
            nursery.spawn(sleeper(world, std::chrono::hours(world.random.below(1000)), awake));
        }
        co_await nursery.join();
    }
    EXPECT_EQ(awake, 40U);
    auto late = co_await settled(within(world.loop, 1s, sleeper(world, 24h, awake)));
    EXPECT_EQ(late.error().code(), ETIMEDOUT);
    auto result = co_await race(world.loop, sleeper(world, 24h, awake), sleeper(world, 1s, awake));
    EXPECT_EQ(result.index(), 1U);
}

TEST(Simulation, TimersStrikeInTheirTimeHoweverLong) {
    (void)simulate(&timers, 0);
}

// ---- sockets and streams
// ------------------------------------------------------------------------------------------

struct Server {
    explicit Server(World& w) : world(w) {}
    World& world;
    std::size_t bytes = 0;
    std::size_t connections = 0;
};

Task<void> serve(Server& server, Fd socket, BufferRing& buffers) {
    RecvStream input(server.world.loop, socket.get(), buffers);
    std::optional<std::size_t> stream;
    std::size_t position = 0;
    for (;;) {
        BufferLease lease = co_await input.next();
        if (lease.empty()) break;
        for (std::byte byte : lease.bytes()) {
            if (!stream) {
                stream = std::to_integer<std::size_t>(byte);
                continue;
            }
            EXPECT_EQ(byte, pattern(position++, *stream));
        }
        if (server.world.random.chance(300)) co_await sleep(server.world.loop, 1us);
    }
    server.bytes += position;
    co_await input.close();
}

Task<void> listen_for(Server& server, Fd listener, BufferRing& buffers, std::size_t count) {
    AcceptStream connections(server.world.loop, listener.get());
    Nursery nursery(server.world.loop);
    for (; server.connections < count; ++server.connections) {
        Fd connection = co_await connections.next();
        EXPECT_TRUE(::fcntl(connection.get(), F_GETFD) & FD_CLOEXEC);
        nursery.spawn(serve(server, std::move(connection), buffers));
    }
    co_await nursery.join();
    co_await connections.close();
}

Task<void> client(World& world, sockaddr_un address, socklen_t address_size, std::size_t stream,
                  std::size_t size) {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    co_await connect(world.loop, socket.get(), reinterpret_cast<sockaddr*>(&address), address_size);
    std::vector<std::byte> bytes(size + 1);
    bytes[0] = static_cast<std::byte>(stream);
    for (std::size_t i = 0; i < size; ++i) bytes[i + 1] = pattern(i, stream);
    co_await send(world.loop, socket.get(), bytes);
}

Task<void> connections(World& world) {
    // An abstract address that the kernel chooses.
    Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
    EXPECT_EQ(::listen(listener.get(), 64), 0);
    EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);

    BufferRingOptions options;
    options.count = static_cast<std::uint16_t>(1U << world.random.below(4));
    options.size = static_cast<std::uint32_t>(1 + world.random.below(200));
    std::unique_ptr<BufferRing> buffers = co_await BufferRing::create(world.loop, options);
    Server server(world);
    std::size_t sent = 0;
    constexpr std::size_t kClients = 6;
    Nursery nursery(world.loop);
    nursery.spawn(listen_for(server, std::move(listener), *buffers, kClients));
    for (std::size_t i = 0; i < kClients; ++i) {
        std::size_t bytes = world.random.below(800);
        sent += bytes;
        nursery.spawn(client(world, address, size, i, bytes));
    }
    co_await nursery.join();
    EXPECT_EQ(server.bytes, sent);
    EXPECT_EQ(buffers->leased(), 0U);
}

TEST(Simulation, StreamsGiveEveryConnectionItsBytesInOrder) {
    auto seen = simulate(&connections, 0);
    EXPECT_GT(seen.no_buffers, 0U);
}

TEST(Simulation, StreamsEndCleanlyOnAnyErrno) {
    EXPECT_GT(simulate(&connections, 10).errors, 0U);
}

Task<void> take_leases(World& world, Fd socket, BufferRing& buffers) {
    RecvStream input(world.loop, socket.get(), buffers);
    for (;;) {
        BufferLease lease = co_await input.next();
        if (lease.empty()) break;
        if (world.random.chance(300)) co_await sleep(world.loop, 1us);
    }
    co_await input.close();
}

Task<void> stream_cancelled(World& world) {
    auto [near, far] = make_socketpair();
    BufferRingOptions options;
    options.count = 2;
    options.size = 32;
    std::unique_ptr<BufferRing> buffers = co_await BufferRing::create(world.loop, options);
    std::vector<std::byte> bytes(world.random.below(500));
    Nursery nursery(world.loop);
    nursery.spawn(take_leases(world, std::move(near), *buffers));
    if (!bytes.empty()) co_await settled(deadline(send(world.loop, far.get(), bytes), 1s));
    for (std::size_t turns = world.random.below(10); turns > 0; --turns) co_await nop(world.loop);
    nursery.cancel();
    (void)co_await settled(nursery.join());
}

TEST(Simulation, AStreamMayBeCancelledAtAnyTime) {
    (void)simulate(&stream_cancelled, 0);
}

Task<void> descriptors(World& world) {
    auto [near, far] = make_socketpair(SOCK_SEQPACKET);
    for (std::size_t round = 0; round < 5; ++round) {
        auto [out, in] = make_pipe();
        OutMessage sent(bytes_of("take these"));
        EXPECT_TRUE(sent.add_fd(out.get()));
        EXPECT_TRUE(sent.add_fd(in.get()));
        std::byte buffer[64];
        InMessage got(buffer);
        auto [n, m] = co_await all(
            world.loop,
            [](Loop& loop, int fd, OutMessage& message) -> Task<std::size_t> {
                co_return co_await sendmsg(loop, fd, message);
            }(world.loop, near.get(), sent),
            [](Loop& loop, int fd, InMessage& message) -> Task<std::size_t> {
                co_return co_await recvmsg(loop, fd, message);
            }(world.loop, far.get(), got));
        EXPECT_EQ(n, m);
        EXPECT_EQ(text_of(got.data()), "take these");
        EXPECT_EQ(got.fds().size(), 2U);
    }
}

TEST(Simulation, DescriptorsTravelWithTheirMessage) {
    (void)simulate(&descriptors, 0);
}
TEST(Simulation, DescriptorsAreClosedWhateverFails) {
    EXPECT_GT(simulate(&descriptors, 50).errors, 0U);
}

// ---- links
// ------------------------------------------------------------------------------------------------------------

Task<void> chains(World& world) {
    auto [out, in] = make_pipe();
    for (int round = 0; round < 8; ++round) {
        std::byte got[4];
        for (int filler = static_cast<int>(world.random.below(3)); filler > 0; --filler) {
            co_await nop(world.loop);
        }
        auto result = co_await settled(
            linked(write(world.loop, in.get(), "four"), read(world.loop, out.get(), got), nop(world.loop)));
        if (result.ok()) {
            EXPECT_EQ(std::get<0>(*result), 4U);
            EXPECT_EQ(text_of(got), "four");
        } else {
            // Broken by a short transfer or an interruption: what was written must be read by hand.
            std::byte rest[8];
            pollfd entry{out.get(), POLLIN, 0};
            if (::poll(&entry, 1, 0) > 0) {
                EXPECT_GT(::read(out.get(), rest, sizeof rest), 0);
            }
        }
    }
}

TEST(Simulation, ChainsRunInOrderOrBreakAsAWhole) {
    (void)simulate(&chains, 0);
}

Task<void> chain_cancelled(World& world) {
    auto [out, in] = make_pipe();
    Nursery nursery(world.loop);
    nursery.spawn([](Loop& loop, int fd) -> Task<void> {
        std::byte got[4];
        auto result = co_await settled(linked(nop(loop), read(loop, fd, got), nop(loop)));
        EXPECT_FALSE(result.ok());
    }(world.loop, out.get()));
    for (std::size_t turns = world.random.below(5); turns > 0; --turns) co_await nop(world.loop);
    nursery.cancel();
    co_await nursery.join();
}

TEST(Simulation, AChainMayBeCancelledAtAnyOfItsMembers) {
    (void)simulate(&chain_cancelled, 0);
}

}  // namespace
}  // namespace urc
