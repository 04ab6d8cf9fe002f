#include <netinet/in.h>
#include <pty.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <string>

#include "tests/uring/loop_fixture.h"
#include "uring/link.h"
#include "uring/nursery.h"
#include "uring/ops_process.h"
#include "uring/ops_socket.h"
#include "uring/race.h"

namespace urc {
namespace {

using namespace std::chrono_literals;

// ---- files --------------------------------------------------------------------------------------

using FileOps = LoopTest;

Task<void> write_all_of(Loop& loop, Fd to, const std::string& text) {
    std::size_t count = co_await write(loop, to.get(), text);
    EXPECT_EQ(count, text.size());
}
Task<void> read_to_end(Loop& loop, Fd from, std::string& text) {
    std::byte buffer[4096];
    for (;;) {
        std::size_t count = co_await read(loop, from.get(), buffer);
        if (count == 0) co_return;
        text += text_of(std::span(buffer).first(count));
    }
}
Task<void> through_a_pipe(Loop& loop, const std::string& text, std::string& got, int flags) {
    auto [out, in] = make_pipe(flags);
    Nursery nursery(loop);
    nursery.spawn(read_to_end(loop, std::move(out), got));
    nursery.spawn(write_all_of(loop, std::move(in), text));
    co_await nursery.join();
}

TEST_F(FileOps, AWriteIsWholeEvenIfThePipeIsSmaller) {
    std::string text(1 << 20, 'x');
    for (std::size_t i = 0; i < text.size(); i += 61) text[i] = static_cast<char>('a' + i % 26);
    std::string got;
    ASSERT_TRUE(run(through_a_pipe(loop(), text, got, 0)).ok());
    EXPECT_TRUE(got == text);
}

TEST_F(FileOps, ADescriptorThatDoesNotBlockIsWaitedForAllTheSame) {
    std::string text(300'000, 'y');
    std::string got;
    ASSERT_TRUE(run(through_a_pipe(loop(), text, got, O_NONBLOCK)).ok());
    EXPECT_TRUE(got == text);
}

Task<void> write_into_nothing(Loop& loop) {
    auto [out, in] = make_pipe();
    out.reset();
    co_await write(loop, in.get(), "x");
}

TEST_F(FileOps, AnErrorNamesTheCallAndTheReason) {
    EXPECT_EQ(run(write_into_nothing(loop())).error().text(), "write: Broken pipe");
}

Task<void> poll_hangup(Loop& loop) {
    auto [out, in] = make_pipe();
    in.reset();
    unsigned events = co_await poll(loop, out.get(), POLLIN);
    EXPECT_EQ(events, static_cast<unsigned>(POLLHUP));
}

TEST_F(FileOps, PollTellsOfAHangup) {
    EXPECT_TRUE(run(poll_hangup(loop())).ok());
}

Task<void> read_terminal(Loop& loop, int terminal, int other_side) {
    std::byte buffer[64];
    for (int i = 0; i < 20; ++i) {
        Nursery nursery(loop);
        nursery.spawn([](Loop& l, int fd) -> Task<void> {
            co_await nop(l);
            co_await sleep(l, 100us);
            EXPECT_EQ(::write(fd, "line\n", 5), 5);
        }(loop, other_side));
        std::size_t count = co_await read_polled(loop, terminal, buffer);
        EXPECT_EQ(text_of(std::span(buffer).first(count)), "line\n");
        co_await nursery.join();
    }
    auto late = co_await settled(deadline(read_polled(loop, terminal, buffer), 1ms));
    EXPECT_EQ(late.error().code(), ETIMEDOUT);
}

TEST_F(FileOps, ATerminalIsReadWithoutAWorker) {
    int ends[2] = {-1, -1};
    if (::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) < 0) GTEST_SKIP() << "no pty";
    Fd master(ends[0]);
    Fd slave(ends[1]);
    EXPECT_TRUE(run(read_terminal(loop(), slave.get(), master.get())).ok());
    EXPECT_EQ(count_tasks(), 1U);
}

Task<void> poll_then_read(Loop& loop, int terminal, bool& has_read) {
    std::array<std::byte, 16> buffer;
    co_await poll(loop, terminal, POLLIN);
    std::size_t count = co_await read_polled(loop, terminal, buffer);
    EXPECT_EQ(text_of(std::span(buffer).first(count)), "x");
    has_read = true;
}
Task<void> set_modes_of_a_polled_terminal(Loop& loop, int master, int terminal) {
    bool has_read = false;
    Nursery nursery(loop);
    nursery.spawn(poll_then_read(loop, terminal, has_read));
    co_await sleep(loop, 1ms);
    termios modes;
    CO_ASSERT(::tcgetattr(terminal, &modes) == 0);
    ::cfmakeraw(&modes);
    CO_ASSERT(::tcsetattr(terminal, TCSANOW, &modes) == 0);
    co_await sleep(loop, 1ms);
    EXPECT_EQ(::write(master, "x", 1), 1);
    co_await nursery.join();
    EXPECT_TRUE(has_read);
}

TEST_F(FileOps, APollOfATerminalSurvivesTheSettingOfItsModes) {
    int ends[2];
    if (::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) < 0) GTEST_SKIP() << "no pty";
    Fd master(ends[0]), terminal(ends[1]);
    auto ended = run(set_modes_of_a_polled_terminal(loop(), master.get(), terminal.get()));
    EXPECT_TRUE(ended) << ended.error().text();
}

// ---- time ---------------------------------------------------------------------------------------

using TimeOps = LoopTest;

Task<void> sleeps(Loop& loop) {
    auto before = loop.now();
    co_await sleep(loop, 3ms);
    EXPECT_GE(loop.now() - before, 3ms);
    co_await sleep(loop, -1s);  // long past
}

TEST_F(TimeOps, SleepTakesAtLeastItsTime) {
    EXPECT_TRUE(run(sleeps(loop())).ok());
}

Task<void> deadlines(Loop& loop) {
    auto [out, in] = make_pipe();
    std::byte buffer[8];
    auto late = co_await settled(deadline(read(loop, out.get(), buffer), 2ms));
    EXPECT_EQ(late.error().code(), ETIMEDOUT);
    EXPECT_EQ(::write(in.get(), "abc", 3), 3);
    std::size_t count = co_await deadline(read(loop, out.get(), buffer), 1h);
    EXPECT_EQ(count, 3U);
}

TEST_F(TimeOps, ADeadlineEndsOneOperationAndTheNextOneWorks) {
    EXPECT_TRUE(run(deadlines(loop())).ok());
}

// ---- processes ----------------------------------------------------------------------------------

class ProcessOps : public LoopTest, public ::testing::WithParamInterface<bool> {
protected:
    RingOptions options() const override {
        RingOptions options;
        if (!GetParam()) options.without_opcodes.set(kOpWaitid);
        return options;
    }
};

// A child that ends with `status` when the pipe is closed.
Pidfd start_child(int until_closed, int close_in_child, int status) {
    pid_t child = ::fork();
    if (child == 0) {
        ::close(close_in_child);
        char byte;
        [[maybe_unused]] ssize_t count = ::read(until_closed, &byte, 1);
        ::_exit(status);
    }
    return Pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
}

Task<void> wait_for_exit(Loop& loop) {
    auto [out, in] = make_pipe();
    Pidfd child = start_child(out.get(), in.get(), 7);
    auto late = co_await settled(deadline(wait_pidfd(loop, child.get()), 1ms));
    EXPECT_EQ(late.error().code(), ETIMEDOUT);
    in.reset();
    siginfo_t info = co_await wait_pidfd(loop, child.get());
    EXPECT_EQ(info.si_code, CLD_EXITED);
    EXPECT_EQ(info.si_status, 7);
    auto gone = co_await settled(wait_pidfd(loop, child.get()));
    EXPECT_EQ(gone.error().code(), ECHILD);
}

TEST_P(ProcessOps, WaitsForAChildAndReapsIt) {
    EXPECT_TRUE(run(wait_for_exit(loop())).ok());
}

Task<void> wait_for_many(Loop& loop) {
    auto [out, in] = make_pipe();
    std::vector<Pidfd> children;
    for (int i = 0; i < 10; ++i) children.push_back(start_child(out.get(), in.get(), i));
    in.reset();
    std::vector<Task<siginfo_t>> waits;
    for (Pidfd& child : children) {
        waits.push_back([](Loop& l, int pidfd) -> Task<siginfo_t> {
            co_return co_await wait_pidfd(l, pidfd);
        }(loop, child.get()));
    }
    std::vector<siginfo_t> ends = co_await all(loop, std::move(waits));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(ends[static_cast<std::size_t>(i)].si_status, i);
}

TEST_P(ProcessOps, WaitsForManyChildrenAtOnce) {
    EXPECT_TRUE(run(wait_for_many(loop())).ok());
}

Task<void> killed(Loop& loop) {
    auto [out, in] = make_pipe();
    Pidfd child = start_child(out.get(), in.get(), 0);
    EXPECT_EQ(::syscall(SYS_pidfd_send_signal, child.get(), SIGKILL, nullptr, 0), 0);
    siginfo_t info = co_await wait_pidfd(loop, child.get());
    EXPECT_EQ(info.si_code, CLD_KILLED);
    EXPECT_EQ(info.si_status, SIGKILL);
}

TEST_P(ProcessOps, TellsAKillFromAnExit) {
    EXPECT_TRUE(run(killed(loop())).ok());
}

INSTANTIATE_TEST_SUITE_P(WaitidOpcodeAndPoll, ProcessOps, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Opcode" : "Poll"; });

using SignalOps = LoopTest;

Task<void> signals_as_data(Loop& loop) {
    SignalFd signals = co_await SignalFd::open(SIGUSR1, SIGUSR2);
    auto none = co_await settled(deadline(signals.next(loop), 1ms));
    EXPECT_EQ(none.error().code(), ETIMEDOUT);
    EXPECT_EQ(::kill(::getpid(), SIGUSR2), 0);
    signalfd_siginfo info = co_await signals.next(loop);
    EXPECT_EQ(info.ssi_signo, static_cast<unsigned>(SIGUSR2));
    EXPECT_EQ(info.ssi_pid, static_cast<unsigned>(::getpid()));
}

TEST_F(SignalOps, ASignalIsReadAndTheMaskIsRestored) {
    ASSERT_TRUE(run(signals_as_data(loop())).ok());
    sigset_t mask;
    ::sigprocmask(SIG_BLOCK, nullptr, &mask);
    EXPECT_FALSE(sigismember(&mask, SIGUSR1));
}

// ---- sockets ------------------------------------------------------------------------------------

using SocketOps = LoopTest;

Fd tcp_listener(sockaddr_in& address) {
    Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) < 0) return Fd();
    if (::listen(listener.get(), 16) < 0) return Fd();
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return listener;
}

Task<void> greet(Loop& loop, const sockaddr_in& address, int flags) {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    co_await connect(loop, socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    co_await send(loop, socket.get(), "hello");
    std::byte buffer[16];
    std::size_t count = co_await recv(loop, socket.get(), buffer);
    EXPECT_EQ(text_of(std::span(buffer).first(count)), "world");
}
Task<void> answer(Loop& loop, int listener) {
    Fd connection = co_await accept(loop, listener);
    EXPECT_TRUE(::fcntl(connection.get(), F_GETFD) & FD_CLOEXEC);
    std::byte buffer[16];
    std::size_t count = co_await recv(loop, connection.get(), buffer);
    EXPECT_EQ(text_of(std::span(buffer).first(count)), "hello");
    co_await send(loop, connection.get(), "world");
    count = co_await recv(loop, connection.get(), buffer);
    EXPECT_EQ(count, 0U);
}
Task<void> talk(Loop& loop, int flags) {
    sockaddr_in address;
    Fd listener = tcp_listener(address);
    (void)co_await all(loop, answer(loop, listener.get()), greet(loop, address, flags));
}

TEST_F(SocketOps, ConnectAcceptSendAndRecvMeet) {
    EXPECT_TRUE(run(talk(loop(), 0)).ok());
}
TEST_F(SocketOps, ANonBlockingConnectIsFollowedToItsEnd) {
    EXPECT_TRUE(run(talk(loop(), SOCK_NONBLOCK)).ok());
}

Task<void> refused(Loop& loop, int flags) {
    sockaddr_in address;
    Fd listener = tcp_listener(address);
    listener.reset();
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    auto result =
        co_await settled(connect(loop, socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(result.error().text(), "connect: Connection refused");
}

TEST_F(SocketOps, ARefusedConnectIsAnError) {
    EXPECT_TRUE(run(refused(loop(), 0)).ok());
    EXPECT_TRUE(run(refused(loop(), SOCK_NONBLOCK)).ok());
}

Task<void> pass_descriptors(Loop& loop, std::size_t count) {
    auto [near, far] = make_socketpair();
    int on = 1;
    EXPECT_EQ(::setsockopt(far.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    auto [out, in] = make_pipe();
    OutMessage sent(bytes_of("fds"));
    for (std::size_t i = 0; i < count; ++i) EXPECT_TRUE(sent.add_fd(in.get()));
    co_await sendmsg(loop, near.get(), sent);
    std::byte buffer[16];
    InMessage got(buffer);
    std::size_t size = co_await recvmsg(loop, far.get(), got);
    EXPECT_EQ(size, 3U);
    EXPECT_EQ(got.fds().size(), count);
    EXPECT_FALSE(got.is_control_cut());
    EXPECT_TRUE(got.sender().has_value());
    EXPECT_EQ(got.sender()->pid, ::getpid());
    for (Fd& fd : got.fds()) EXPECT_TRUE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC);
    EXPECT_TRUE(count == 0 || ::write(got.fds().front().get(), "x", 1) == 1);
}

TEST_F(SocketOps, DescriptorsAndTheSenderArriveWithAMessage) {
    EXPECT_TRUE(run(pass_descriptors(loop(), 0)).ok());
    EXPECT_TRUE(run(pass_descriptors(loop(), 1)).ok());
    EXPECT_TRUE(run(pass_descriptors(loop(), kMessageFdsMax)).ok());
}

TEST(OutMessage, RefusesMoreDescriptorsThanTheKernelTakes) {
    OutMessage message(bytes_of("x"));
    for (std::size_t i = 0; i < kMessageFdsMax; ++i) EXPECT_TRUE(message.add_fd(0));
    EXPECT_FALSE(message.add_fd(0));
}

Task<void> cut_datagram(Loop& loop) {
    auto [near, far] = make_socketpair(SOCK_DGRAM);
    OutMessage sent(bytes_of("longer than four"));
    co_await sendmsg(loop, near.get(), sent);
    std::byte buffer[4];
    InMessage got(buffer);
    co_await recvmsg(loop, far.get(), got);
    EXPECT_TRUE(got.is_data_cut());
    EXPECT_EQ(text_of(got.data()), "long");
}

TEST_F(SocketOps, ADatagramThatDoesNotFitSaysSo) {
    EXPECT_TRUE(run(cut_datagram(loop())).ok());
}

// ---- links --------------------------------------------------------------------------------------

using LinkOps = LoopTest;

Task<void> chain(Loop& loop) {
    auto [near, far] = make_socketpair();
    std::byte buffer[8];
    auto [sent, got] = co_await linked(send(loop, near.get(), "ping"), recv(loop, far.get(), buffer));
    EXPECT_EQ(sent, 4U);
    EXPECT_EQ(got, 4U);
    auto broken = co_await settled(linked(read(loop, -1, buffer), nop(loop), nop(loop)));
    EXPECT_EQ(broken.error().text(), "read: Bad file descriptor");
}

TEST_F(LinkOps, AChainRunsInOrderAndReportsWhatBrokeIt) {
    EXPECT_TRUE(run(chain(loop())).ok());
}

Task<void> chain_near_the_end_of_the_queue(Loop& loop) {
    auto [near, far] = make_socketpair();
    for (int round = 0; round < 20; ++round) {
        Nursery nursery(loop);
        for (int i = 0; i < round; ++i) {
            nursery.spawn([](Loop& l) -> Task<void> { co_await nop(l); }(loop));
        }
        nursery.spawn([](Loop& l, int to, int from) -> Task<void> {
            std::byte buffer[8];
            auto result = co_await linked(send(l, to, "ping"), recv(l, from, buffer), nop(l));
            EXPECT_EQ(std::get<1>(result), 4U);
        }(loop, near.get(), far.get()));
        co_await nursery.join();
    }
}

class SmallQueue : public LoopTest {
    RingOptions options() const override {
        RingOptions options;
        options.requests = 4;
        return options;
    }
};

TEST_F(SmallQueue, AChainIsNeverCutByAFullQueue) {
    EXPECT_TRUE(run(chain_near_the_end_of_the_queue(loop())).ok());
}

Task<void> cancelled_chain(Loop& loop) {
    auto [out, in] = make_pipe();
    Nursery nursery(loop);
    nursery.spawn([](Loop& l, int fd) -> Task<void> {
        std::byte buffer[8];
        auto result = co_await settled(linked(nop(l), read(l, fd, buffer), nop(l)));
        EXPECT_EQ(result.error().code(), ECANCELED);
    }(loop, out.get()));
    co_await sleep(loop, 1ms);
    nursery.cancel();
    co_await nursery.join();
}

TEST_F(LinkOps, AChainCanBeCancelledInItsMiddle) {
    EXPECT_TRUE(run(cancelled_chain(loop())).ok());
}

}  // namespace
}  // namespace urc
