// What a resident process must keep: one task, nothing left over, after a busy day.
#include <sys/syscall.h>

#include "tests/uring/loop_fixture.h"
#include "uring/ops_process.h"
#include "uring/ops_socket.h"
#include "uring/race.h"
#include "uring/stream.h"

namespace urc {
namespace {

using namespace std::chrono_literals;
using Resident = LoopTest;

Task<void> echo(Loop& loop, Fd socket, BufferRing& buffers) {
    RecvStream input(loop, socket.get(), buffers);
    for (;;) {
        BufferLease lease = co_await input.next();
        if (lease.empty()) break;
        co_await send(loop, socket.get(), lease.bytes());
    }
    co_await input.close();
}

Task<void> client(Loop& loop, Fd socket, int rounds) {
    std::byte buffer[256];
    for (int i = 0; i < rounds; ++i) {
        co_await send(loop, socket.get(), "twenty bytes of text");
        std::size_t got = 0;
        while (got < 20) got += co_await deadline(recv(loop, socket.get(), buffer), 1h);
        EXPECT_EQ(count_tasks(), 1U);
    }
}

Task<void> reap_children(Loop& loop, int count) {
    for (int i = 0; i < count; ++i) {
        pid_t child = ::fork();
        if (child == 0) ::_exit(3);
        Pidfd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
        siginfo_t info = co_await wait_pidfd(loop, pidfd.get());
        EXPECT_EQ(info.si_status, 3);
    }
}

Task<void> pump(Loop& loop, Fd from, Fd to) {
    std::byte buffer[4096];
    for (;;) {
        std::size_t count = co_await read(loop, from.get(), buffer);
        if (count == 0) co_return;
        co_await write(loop, to.get(), std::span(buffer).first(count));
    }
}
Task<void> fill(Loop& loop, Fd to) {
    std::vector<std::byte> bytes(1 << 20);
    co_await write(loop, to.get(), bytes);
}
Task<void> empty(Loop& loop, Fd from) {
    std::byte buffer[4096];
    for (;;) {
        std::size_t count = co_await read(loop, from.get(), buffer);
        if (count == 0) co_return;
    }
}

Task<void> watch_signals(Loop& loop) {
    SignalFd signals = co_await SignalFd::open(SIGUSR1);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(::kill(::getpid(), SIGUSR1), 0);
        signalfd_siginfo info = co_await signals.next(loop);
        EXPECT_EQ(info.ssi_signo, static_cast<unsigned>(SIGUSR1));
    }
}

Task<void> busy_day(Loop& loop) {
    std::unique_ptr<BufferRing> buffers = co_await BufferRing::create(loop, BufferRingOptions());
    Nursery nursery(loop);
    for (int i = 0; i < 20; ++i) {
        auto [near, far] = make_socketpair();
        nursery.spawn(echo(loop, std::move(near), *buffers));
        nursery.spawn(client(loop, std::move(far), 20));
        auto [a_out, a_in] = make_pipe();
        auto [b_out, b_in] = make_pipe();
        nursery.spawn(fill(loop, std::move(a_in)));
        nursery.spawn(pump(loop, std::move(a_out), std::move(b_in)));
        nursery.spawn(empty(loop, std::move(b_out)));
        nursery.spawn(detail::timer(loop, 5ms));
    }
    nursery.spawn(reap_children(loop, 20));
    nursery.spawn(watch_signals(loop));
    co_await nursery.join();
}

TEST_F(Resident, HasOneTaskAndNothingLeftAfterABusyRun) {
    ASSERT_TRUE(run(busy_day(loop())).ok());
    EXPECT_EQ(count_tasks(), 1U);
    EXPECT_EQ(loop().in_flight(), 0U);
}

}  // namespace
}  // namespace urc
