#include "uring/stream.h"

#include <sys/un.h>

#include <string>

#include "tests/uring/loop_fixture.h"
#include "uring/deadline.h"
#include "uring/nursery.h"
#include "uring/ops_socket.h"

namespace urc {
namespace {

using namespace std::chrono_literals;
using StreamTest = LoopTest;

Fd unix_listener(sockaddr_un& address, socklen_t& size) {
    Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address = {};
    address.sun_family = AF_UNIX;
    size = sizeof address;
    EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
    EXPECT_EQ(::listen(listener.get(), 256), 0);
    EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return listener;
}

std::vector<Fd> connect_many(const sockaddr_un& address, socklen_t size, int count) {
    std::vector<Fd> sockets;
    for (int i = 0; i < count; ++i) {
        sockets.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(sockets.back().get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    }
    return sockets;
}

Task<void> accept_bursts(Loop& loop) {
    sockaddr_un address;
    socklen_t size;
    Fd listener = unix_listener(address, size);
    AcceptStream connections(loop, listener.get());
    for (int count : {1, 10, 150, 3}) {
        std::vector<Fd> clients = connect_many(address, size, count);
        for (int i = 0; i < count; ++i) {
            Fd connection = co_await connections.next();
            EXPECT_TRUE(connection.is_open());
            EXPECT_TRUE(::fcntl(connection.get(), F_GETFD) & FD_CLOEXEC);
        }
    }
    co_await connections.close();
}

TEST_F(StreamTest, AcceptsBurstsLargerThanItsQueue) {
    EXPECT_TRUE(run(accept_bursts(loop())).ok());
}

Task<void> leaves_unread(Loop& loop) {
    sockaddr_un address;
    socklen_t size;
    Fd listener = unix_listener(address, size);
    std::vector<Fd> clients = connect_many(address, size, 20);
    AcceptStream connections(loop, listener.get());
    Fd first = co_await connections.next();
    co_await connections.close();
}

TEST_F(StreamTest, ClosesConnectionsThatNobodyTook) {
    EXPECT_TRUE(run(leaves_unread(loop())).ok());
}

Task<void> leaves_by_error(Loop& loop) {
    sockaddr_un address;
    socklen_t size;
    Fd listener = unix_listener(address, size);
    std::vector<Fd> clients = connect_many(address, size, 5);
    AcceptStream connections(loop, listener.get());
    Fd first = co_await connections.next();
    co_await fail(Error(EDOM, "leave"));
}

TEST_F(StreamTest, IsClosedByItselfWhenItsTaskEndsByAnError) {
    EXPECT_EQ(run(leaves_by_error(loop())).error().code(), EDOM);
}

Task<void> not_listening(Loop& loop) {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    AcceptStream connections(loop, socket.get());
    auto result = co_await settled(connections.next());
    EXPECT_EQ(result.error().text(), "accept: Invalid argument");
}

TEST_F(StreamTest, AnErrorIsAnErrorWithAndWithoutMultishot) {
    EXPECT_TRUE(run(not_listening(loop())).ok());
}

Task<void> receive(Loop& loop, int socket, BufferRing& buffers, std::string& text) {
    RecvStream input(loop, socket, buffers);
    for (;;) {
        BufferLease lease = co_await input.next();
        if (lease.empty()) break;
        text += text_of(lease.bytes());
    }
    co_await input.close();
}
Task<void> send_and_close(Loop& loop, Fd socket, const std::string& text) {
    co_await send(loop, socket.get(), text);
}

Task<void> receives_more_than_buffers(Loop& loop) {
    BufferRingOptions options;
    options.count = 4;
    options.size = 100;
    std::unique_ptr<BufferRing> buffers = co_await BufferRing::create(loop, options);
    auto [near_a, far_a] = make_socketpair();
    auto [near_b, far_b] = make_socketpair();
    std::string sent_a(50'000, 'a');
    std::string sent_b(70'000, 'b');
    std::string got_a;
    std::string got_b;
    Nursery nursery(loop);
    nursery.spawn(receive(loop, near_a.get(), *buffers, got_a));
    nursery.spawn(receive(loop, near_b.get(), *buffers, got_b));
    nursery.spawn(send_and_close(loop, std::move(far_a), sent_a));
    nursery.spawn(send_and_close(loop, std::move(far_b), sent_b));
    co_await nursery.join();
    EXPECT_TRUE(got_a == sent_a);
    EXPECT_TRUE(got_b == sent_b);
    EXPECT_EQ(buffers->leased(), 0U);
}

TEST_F(StreamTest, TwoStreamsShareFewBuffersAndGetEveryByte) {
    EXPECT_TRUE(run(receives_more_than_buffers(loop())).ok());
}

Task<void> starving_stream(Loop& loop) {
    BufferRingOptions options;
    options.count = 1;
    options.size = 8;
    std::unique_ptr<BufferRing> buffers = co_await BufferRing::create(loop, options);
    auto [near, far] = make_socketpair();
    EXPECT_EQ(::write(far.get(), "0123456789abcdef", 16), 16);
    RecvStream input(loop, near.get(), *buffers);
    {
        BufferLease held = co_await input.next();
        EXPECT_EQ(text_of(held.bytes()), "01234567");
        // The only buffer is out: the next item waits for it, and that wait can be cancelled.
        Nursery nursery(loop);
        nursery.spawn([](RecvStream& stream) -> Task<void> {
            auto result = co_await settled(stream.next());
            EXPECT_FALSE(result.ok());
        }(input));
        co_await sleep(loop, 1ms);
        nursery.cancel();
        co_await nursery.join();
    }
    BufferLease rest = co_await input.next();
    EXPECT_EQ(text_of(rest.bytes()), "89abcdef");
    co_await input.close();
}

TEST_F(StreamTest, WithoutABufferItWaitsUntilOneComesBack) {
    EXPECT_TRUE(run(starving_stream(loop())).ok());
}

Task<void> polls_again_and_again(Loop& loop) {
    auto [out, in] = make_pipe();
    PollStream readable(loop, out.get(), POLLIN);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(::write(in.get(), "x", 1), 1);
        unsigned events = co_await readable.next();
        EXPECT_TRUE(events & POLLIN);
        std::byte byte[1];
        EXPECT_EQ(::read(out.get(), byte, 1), 1);
    }
    co_await readable.close();
}

TEST_F(StreamTest, PollTellsOfEachChange) {
    EXPECT_TRUE(run(polls_again_and_again(loop())).ok());
}

TEST(StreamQueue, KeepsItsOrderWhileItGrows) {
    StreamQueue queue;
    int pushed = 0;
    int popped = 0;
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < round; ++i) queue.push({pushed++, 0});
        for (int i = 0; i < round / 2; ++i) EXPECT_EQ(queue.pop().result, popped++);
    }
    while (queue.size() > 0) EXPECT_EQ(queue.pop().result, popped++);
    EXPECT_EQ(pushed, popped);
}

}  // namespace
}  // namespace urc
