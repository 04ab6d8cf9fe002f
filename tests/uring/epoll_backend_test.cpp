// The backend on epoll, request by request: what the loop's own tests (which run on it as well) do not reach.
#include "uring/epoll_backend.h"

#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <algorithm>
#include <string>

#include "tests/uring/epoll_fixture.h"
#include "uring/file.h"

namespace urc {
namespace {

using namespace std::chrono_literals;

// The descriptors that the process's epolls know (proc(5), fdinfo).
std::size_t count_registrations() {
    std::size_t count = 0;
    for (int fd = 0; fd < 64; ++fd) {
        auto info = read_file_at(AT_FDCWD, ("/proc/self/fdinfo/" + std::to_string(fd)).c_str());
        if (!info.ok()) continue;
        for (std::size_t at = info->find("tfd:"); at != std::string::npos; at = info->find("tfd:", at + 1))
            ++count;
    }
    return count;
}

// ---- several on one descriptor -------------------------------------------------------------------

TEST_F(Epoll, TwoReadersOfOnePipeGetWhatIsThereForEach) {
    auto [out, in] = make_pipe();
    char first[4];
    char second[4];
    queue_read(1, out.get(), first);
    queue_read(2, out.get(), second);
    submit();
    EXPECT_TRUE(is_open(1) && is_open(2));
    ASSERT_EQ(::write(in.get(), "abcd", 4), 4);
    while (is_open(1) && is_open(2)) wait();
    std::uint64_t late = is_open(1) ? 1 : 2;
    EXPECT_EQ(result(3 - late), 4);
    submit();
    EXPECT_TRUE(is_open(late)) << "there was nothing left for it";
    ASSERT_EQ(::write(in.get(), "ef", 2), 2);
    wait_for(late);
    EXPECT_EQ(result(late), 2);
}

TEST_F(Epoll, AReadAndAWriteOfOneSocketWaitSideBySide) {
    auto [near, far] = make_socketpair();
    std::string much(1 << 20, 'x');
    queue(1, io_uring_prep_send, near.get(), static_cast<const void*>(much.data()), much.size(), 0);
    submit();
    EXPECT_GT(result(1), 0) << "as much as fits";
    char got[4];
    queue(2, io_uring_prep_send, near.get(), static_cast<const void*>(much.data()), much.size(), 0);
    queue(3, io_uring_prep_recv, near.get(), static_cast<void*>(got), sizeof got, 0);
    submit();
    EXPECT_TRUE(is_open(2) && is_open(3));
    ASSERT_EQ(::write(far.get(), "abcd", 4), 4);
    wait_for(3);
    EXPECT_EQ(result(3), 4);
    EXPECT_TRUE(is_open(2)) << "no room yet";
    std::vector<char> drain(much.size());
    EXPECT_GT(::read(far.get(), drain.data(), drain.size()), 0);
    wait_for(2);
    EXPECT_GT(result(2), 0);
}

TEST_F(Epoll, ADescriptorThatNamesAnotherFileByNowIsWaitedForAnew) {
    char got[4];
    auto [out, in] = make_pipe();
    int number = out.get();
    for (int round = 0; round < 3; ++round) {
        queue_read(1, number, got);
        submit();
        ASSERT_EQ(::write(in.get(), "x", 1), 1);
        wait_for(1);
        EXPECT_EQ(result(1), 1);
        // The same number for a new pipe, while a copy keeps the old one registered.
        Fd copy(::fcntl(number, F_DUPFD_CLOEXEC, number + 1));
        auto [next_out, next_in] = make_pipe();
        ASSERT_EQ(::dup3(next_out.get(), number, O_CLOEXEC), number);
        in = std::move(next_in);
    }
}

// ---- cancel --------------------------------------------------------------------------------------

TEST_F(Epoll, EveryKindOfWaitCanBeCancelled) {
    auto [out, in] = make_pipe();
    auto [near, far] = make_socketpair();
    auto [full_near, full_far] = make_socketpair();
    Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    std::string much(1 << 20, 'x');
    while (::send(full_near.get(), much.data(), much.size(), MSG_DONTWAIT) > 0) continue;
    pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    Pidfd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    char byte[1];
    iovec part{byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    siginfo_t info{};
    __kernel_timespec late = after(1h);

    queue_read(1, out.get(), byte);
    queue(2, io_uring_prep_recv, near.get(), static_cast<void*>(byte), std::size_t{1}, 0);
    queue(3, io_uring_prep_recvmsg, near.get(), &message, 0U);
    queue(4, io_uring_prep_send, full_near.get(), static_cast<const void*>(byte), std::size_t{1}, 0);
    queue(5, io_uring_prep_sendmsg, full_near.get(), &message, 0U);
    queue(6, io_uring_prep_accept, listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    queue_poll(7, out.get(), POLLIN);
    queue_poll(8, near.get(), POLLIN).len = IORING_POLL_ADD_MULTI;
    queue(9, io_uring_prep_timeout, &late, 0U, unsigned{IORING_TIMEOUT_ABS});
    auto& wait = queue(10, io_uring_prep_nop);
    io_uring_prep_rw(static_cast<int>(kOpWaitid), &wait, pidfd.get(), nullptr, P_PIDFD, 0);
    wait.addr2 = reinterpret_cast<std::uintptr_t>(&info);
    wait.file_index = WEXITED;
    queue(11, io_uring_prep_accept, listener.get(), nullptr, nullptr, SOCK_CLOEXEC).ioprio |=
        IORING_ACCEPT_MULTISHOT;
    submit();
    constexpr std::uint64_t kLast = 11;
    for (std::uint64_t request = 1; request <= kLast; ++request) {
        EXPECT_TRUE(is_open(request)) << request;
        queue_cancel(100 + request, request);
    }
    EXPECT_GT(count_registrations(), 0U);
    submit();
    for (std::uint64_t request = 1; request <= kLast; ++request) {
        EXPECT_EQ(result(request), -ECANCELED) << request;
        EXPECT_EQ(result(100 + request), 0) << request;
        queue_cancel(200 + request, request);
    }
    submit();
    for (std::uint64_t request = 1; request <= kLast; ++request) EXPECT_EQ(result(200 + request), -ENOENT);
    EXPECT_EQ(count_registrations(), 0U) << "they would be woken for nobody";
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

// ---- time ----------------------------------------------------------------------------------------

TEST_F(Epoll, TimersStrikeInTheirOrderAndNotBeforeTheirTime) {
    std::vector<__kernel_timespec> times;
    auto start = backend_->now();
    for (int i = 0; i < 50; ++i)
        times.push_back(to_timespec(start + std::chrono::microseconds(i * 37 % 50 * 100)));
    for (std::size_t i = 0; i < times.size(); ++i)
        queue(i + 1, io_uring_prep_timeout, &times[i], 0U, unsigned{IORING_TIMEOUT_ABS});
    // Every third is taken out of the middle.
    for (std::size_t i = 0; i < times.size(); i += 3) queue_cancel(1000 + i, i + 1);
    std::vector<long long> order;
    std::size_t cancelled = 0;
    while (order.size() + cancelled < times.size()) {
        ASSERT_EQ(backend_->wait(), 0);
        std::array<Completion, 64> batch;
        std::size_t count = backend_->reap(batch);
        for (const Completion& entry : std::span(batch).first(count)) {
            if (entry.user_data >= 1000) continue;
            if (entry.result == -ECANCELED) {
                ++cancelled;
                continue;
            }
            EXPECT_EQ(entry.result, -ETIME);
            const __kernel_timespec& time = times[entry.user_data - 1];
            order.push_back(time.tv_sec * 1'000'000'000 + time.tv_nsec);
            EXPECT_GE(backend_->now().count(), order.back());
        }
    }
    EXPECT_LE(cancelled, 17U);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(Epoll, ALinkedTimeoutThatStrikesEndsItsRequest) {
    auto [out, in] = make_pipe();
    char byte[1];
    __kernel_timespec soon = after(1ms);
    link(queue_read(1, out.get(), byte));
    queue_deadline(2, soon);
    submit();
    wait_for(1);
    EXPECT_EQ(result(1), -ECANCELED);
    EXPECT_EQ(result(2), -ETIME);
    // The request is gone: the byte is still there for the next one.
    ASSERT_EQ(::write(in.get(), "x", 1), 1);
    queue_read(3, out.get(), byte);
    submit();
    EXPECT_EQ(result(3), 1);
}

TEST_F(Epoll, ALinkedTimeoutThatIsNotNeededIsCancelled) {
    auto [out, in] = make_pipe();
    char byte[1];
    __kernel_timespec late = after(1h);
    link(queue_read(1, out.get(), byte));
    queue_deadline(2, late);
    submit();
    EXPECT_TRUE(is_open(1) && is_open(2));
    ASSERT_EQ(::write(in.get(), "x", 1), 1);
    wait_for(1);
    EXPECT_EQ(result(1), 1);
    EXPECT_EQ(result(2), -ECANCELED);
    // Nor does a request need it that is done at once, or that is cancelled.
    link(queue(3, io_uring_prep_nop));
    queue_deadline(4, late);
    link(queue_read(5, out.get(), byte));
    queue_deadline(6, late);
    queue_cancel(7, 5);
    submit();
    EXPECT_EQ(result(3), 0);
    EXPECT_EQ(result(4), -ECANCELED);
    EXPECT_EQ(result(5), -ECANCELED);
    EXPECT_EQ(result(6), -ECANCELED);
    EXPECT_EQ(result(7), 0);
}

TEST_F(Epoll, ATimeoutLinkedToNothingIsRefused) {
    __kernel_timespec late = after(1h);
    queue_deadline(1, late);
    submit();
    EXPECT_EQ(result(1), -EINVAL);
}

// ---- chains --------------------------------------------------------------------------------------

TEST_F(Epoll, AChainGoesOnWhereItHadToWait) {
    auto [out, in] = make_pipe();
    auto [there, back] = make_pipe();
    char byte[1];
    link(queue_read(1, out.get(), byte));
    link(queue_write(2, back.get(), "done"));
    queue(3, io_uring_prep_nop);
    submit();
    EXPECT_TRUE(is_open(1) && is_open(2) && is_open(3));
    ASSERT_EQ(::write(in.get(), "x", 1), 1);
    wait_for(3);
    EXPECT_EQ(result(1), 1);
    EXPECT_EQ(result(2), 4);
    EXPECT_EQ(result(3), 0);
    char text[8];
    EXPECT_EQ(::read(there.get(), text, sizeof text), 4);
}

TEST_F(Epoll, AChainThatBreaksCancelsItsRestWithItsTimeouts) {
    auto [out, in] = make_pipe();
    char two[2];
    __kernel_timespec late = after(1h);
    link(queue_read(1, out.get(), two));
    link(queue(2, io_uring_prep_nop));
    queue_deadline(3, late, IOSQE_IO_LINK);
    queue(4, io_uring_prep_nop);
    submit();
    // A short transfer breaks it as an error does.
    ASSERT_EQ(::write(in.get(), "x", 1), 1);
    wait_for(1);
    EXPECT_EQ(result(1), 1);
    for (std::uint64_t request : {2U, 3U, 4U}) EXPECT_EQ(result(request), -ECANCELED) << request;
    link(queue_read(5, -1, two));
    queue(6, io_uring_prep_nop);
    queue(7, io_uring_prep_nop);
    submit();
    EXPECT_EQ(result(5), -EBADF);
    EXPECT_EQ(result(6), -ECANCELED);
    EXPECT_EQ(result(7), 0) << "no member of the chain";
}

// ---- no running in circles -----------------------------------------------------------------------

TEST_F(Epoll, APeerThatHasClosedWakesAWatchOnce) {
    auto [near, far] = make_socketpair();
    queue_poll(1, near.get(), POLLIN).len = IORING_POLL_ADD_MULTI;
    submit();
    far.reset();
    for (int i = 0; i < 100; ++i) submit();
    ASSERT_EQ(seen_[1].size(), 1U);
    EXPECT_TRUE(seen_[1].front().result & POLLHUP);
    EXPECT_TRUE(seen_[1].front().flags & IORING_CQE_F_MORE);
    EXPECT_LE(backend_->wakeups(), 1U);
}

TEST_F(Epoll, AWatchHearsOfEachChangeWhileOthersReadTheSame) {
    auto [out, in] = make_pipe();
    queue_poll(1, out.get(), POLLIN).len = IORING_POLL_ADD_MULTI;
    for (std::uint64_t round = 1; round <= 5; ++round) {
        char byte[1];
        queue_read(100 + round, out.get(), byte);
        submit();
        ASSERT_EQ(::write(in.get(), "x", 1), 1);
        wait_for(100 + round);
        EXPECT_EQ(result(100 + round), 1);
        EXPECT_GE(seen_[1].size(), round);
    }
    queue_cancel(2, 1);
    submit();
    EXPECT_EQ(seen_[1].back().result, -ECANCELED);
    EXPECT_EQ(seen_[1].back().flags, 0U);
}

// A datagram for a peer whose queue is full: the socket polls writable, and sending would wait.
TEST_F(Epoll, ASocketThatSaysItIsReadyAndIsNotIsTriedLater) {
    auto [receiver, unused] = make_socketpair(SOCK_DGRAM);
    Fd bound(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(bound.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
    ASSERT_EQ(::getsockname(bound.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    Fd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    auto* to = reinterpret_cast<sockaddr*>(&address);
    while (::sendto(sender.get(), "x", 1, MSG_DONTWAIT, to, size) == 1) continue;
    ASSERT_EQ(errno, EAGAIN);
    char byte[1] = {'y'};
    iovec part{byte, 1};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = size;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    __kernel_timespec soon = after(2ms);
    link(queue(1, io_uring_prep_sendmsg, sender.get(), &message, 0U));
    queue_deadline(2, soon);
    submit();
    wait_for(1);
    EXPECT_EQ(result(1), -ECANCELED);
    EXPECT_EQ(result(2), -ETIME);
    EXPECT_LE(backend_->wakeups(), 2U) << "it has been spinning";
    queue(3, io_uring_prep_sendmsg, sender.get(), &message, 0U);
    submit();
    EXPECT_TRUE(is_open(3));
    ASSERT_EQ(::recv(bound.get(), byte, 1, 0), 1);
    wait_for(3);
    EXPECT_EQ(result(3), 1);
}

// ---- what it is not ------------------------------------------------------------------------------

TEST_F(Epoll, WhatItDoesNotUnderstandItRefuses) {
    EXPECT_TRUE(backend_->supports(IORING_OP_RECV));
    EXPECT_TRUE(backend_->supports(kOpWaitid));
    EXPECT_FALSE(backend_->supports(IORING_OP_SPLICE));
    EXPECT_FALSE(backend_->supports(kOpReadMultishot));
    queue(1, io_uring_prep_splice, 0, std::int64_t{-1}, 1, std::int64_t{-1}, 1U, 0U);
    queue(2, io_uring_prep_nop).flags |= static_cast<std::uint8_t>(IOSQE_FIXED_FILE);
    queue_poll(3, -1, POLLIN);
    submit();
    EXPECT_EQ(result(1), -EINVAL);
    EXPECT_EQ(result(2), -EINVAL);
    EXPECT_EQ(result(3), -EBADF);
}

TEST_F(Epoll, RequestsThatAreDoneAtOnceDoNotHideThoseThatWait) {
    auto [out, in] = make_pipe();
    char byte[1];
    queue_read(1, out.get(), byte);
    submit();
    ASSERT_EQ(::write(in.get(), "x", 1), 1);
    int turns = 0;
    while (is_open(1)) {
        ASSERT_LT(++turns, 100) << "it is never looked after";
        queue(1000, io_uring_prep_nop);
        wait();
    }
    EXPECT_EQ(result(1), 1);
}

}  // namespace
}  // namespace urc
