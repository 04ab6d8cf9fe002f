// Sockets, streams and chains under a simulated kernel.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/un.h>

#include <optional>
#include <vector>

#include "tests/sim/simulate.h"
#include "uring/link.h"
#include "uring/ops_socket.h"
#include "uring/race.h"
#include "uring/stream.h"

namespace urc {
namespace {

using namespace std::chrono_literals;

// ---- sockets and streams ------------------------------------------------------------------------

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
    if (!bytes.empty()) (void)co_await settled(deadline(send(world.loop, far.get(), bytes), 1s));
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

// ---- links --------------------------------------------------------------------------------------

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
