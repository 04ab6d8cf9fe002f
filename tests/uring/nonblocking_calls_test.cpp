// The calls behind the backend on epoll: none of them blocks, and O_NONBLOCK is set on nobody's descriptor.
#include "uring/nonblocking_calls.h"

#include <pty.h>
#include <sys/mman.h>
#include <sys/un.h>

#include <string>

#include "tests/uring/epoll_fixture.h"

namespace urc {
namespace {

bool has_flag_nonblock(int fd) {
    return ::fcntl(fd, F_GETFL) & O_NONBLOCK;
}

// ---- nothing blocks, and O_NONBLOCK is nobody's --------------------------------------------------

class EpollWrites : public Epoll, public ::testing::WithParamInterface<bool> {
protected:
    void SetUp() override {
        Epoll::SetUp();
        EpollOptions options;
        options.without_nowait = GetParam();
        open(options);
    }
};

TEST_P(EpollWrites, AWriteLargerThanThePipeIsShortAndDoesNotBlock) {
    auto [out, in] = make_pipe();
    std::string much(1 << 20, 'x');
    std::size_t written = 0;
    for (std::uint64_t request = 1;; ++request) {
        queue_write(request, in.get(), much);
        submit();  // would never come back
        if (is_open(request)) break;
        int count = result(request);
        ASSERT_GT(count, 0);
        written += static_cast<std::size_t>(count);
    }
    EXPECT_EQ(written, static_cast<std::size_t>(::fcntl(in.get(), F_GETPIPE_SZ)));
    EXPECT_FALSE(has_flag_nonblock(in.get()));
    // Room for less than a page is no room; the write that waits takes what there is.
    std::vector<char> drain(written);
    ASSERT_EQ(::read(out.get(), drain.data(), 100), 100);
    submit();
    EXPECT_TRUE(seen_.empty());
    ASSERT_GT(::read(out.get(), drain.data(), 3 * 4096), 0);
    wait();
    ASSERT_EQ(seen_.size(), 1U);
    EXPECT_GT(result(seen_.begin()->first), 0);
}

TEST_P(EpollWrites, APipeThatNobodyReadsIsAnError) {
    auto [out, in] = make_pipe();
    out.reset();
    queue_write(1, in.get(), "x");
    submit();
    EXPECT_EQ(result(1), -EPIPE);
}

TEST_P(EpollWrites, AReadWaitsWithoutChangingTheDescriptor) {
    auto [out, in] = make_pipe();
    char bytes[8];
    queue_read(1, out.get(), bytes);
    submit();
    EXPECT_TRUE(is_open(1));
    EXPECT_FALSE(has_flag_nonblock(out.get()));
    in.reset();
    wait_for(1);
    EXPECT_EQ(result(1), 0);
}

INSTANTIATE_TEST_SUITE_P(NowaitAndPoll, EpollWrites, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Poll" : "Nowait"; });

TEST_F(Epoll, ATerminalIsReadAndWrittenWithoutBlocking) {
    int ends[2] = {-1, -1};
    if (::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) < 0) GTEST_SKIP() << "no pty";
    Fd master(ends[0]);
    Fd slave(ends[1]);
    char line[16];
    queue_read(1, slave.get(), line);
    submit();
    EXPECT_TRUE(is_open(1));
    queue_write(2, master.get(), "line\n");
    wait_for(1);
    EXPECT_EQ(result(2), 5);
    EXPECT_EQ(result(1), 5);
    slave.reset();
    // The echo, and then nobody is there (EIO, pty(7)).
    queue_read(3, master.get(), line);
    wait_for(3);
    EXPECT_GT(result(3), 0);
    queue_read(4, master.get(), line);
    wait_for(4);
    EXPECT_EQ(result(4), -EIO);
}

TEST_F(Epoll, ARegularFileIsAlwaysReady) {
    Fd file(::memfd_create("file", MFD_CLOEXEC));
    char text[8];
    queue_write(1, file.get(), "text");
    queue_poll(2, file.get(), POLLIN);
    queue_poll(3, file.get(), POLLPRI);
    submit();
    EXPECT_EQ(result(1), 4);
    EXPECT_EQ(result(2), POLLIN);
    EXPECT_EQ(result(3), -EINVAL) << "that never comes";
    ASSERT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
    queue_read(4, file.get(), text);
    submit();
    EXPECT_EQ(result(4), 4);
}

TEST_F(Epoll, AConnectLeavesTheSocketBlocking) {
    Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
    ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    ASSERT_EQ(::listen(listener.get(), 0), 0);
    auto* to = reinterpret_cast<const sockaddr*>(&address);
    Fd first(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    queue(1, io_uring_prep_connect, first.get(), to, size);
    submit();
    EXPECT_EQ(result(1), 0);
    EXPECT_FALSE(has_flag_nonblock(first.get()));
    // The backlog is full: it goes on when somebody has been accepted.
    Fd second(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    queue(2, io_uring_prep_connect, second.get(), to, size);
    submit();
    EXPECT_TRUE(is_open(2));
    EXPECT_FALSE(has_flag_nonblock(second.get()));
    Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    wait_for(2);
    EXPECT_EQ(result(2), 0);
}

// ---- provided buffers ----------------------------------------------------------------------------

class EpollBuffers : public Epoll {
protected:
    static constexpr std::uint16_t kGroup = 3;
    static constexpr unsigned kCount = 2;
    static constexpr unsigned kSize = 4;

    void SetUp() override {
        Epoll::SetUp();
        io_uring_buf_ring_init(ring());
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory_.data());
        registration.ring_entries = kCount;
        registration.bgid = kGroup;
        ASSERT_TRUE(backend_->add_buffer_ring(registration).ok());
        EXPECT_EQ(backend_->add_buffer_ring(registration).error().code(), EEXIST);
        for (unsigned short number = 0; number < kCount; ++number) give(number);
    }
    io_uring_buf_ring* ring() { return reinterpret_cast<io_uring_buf_ring*>(memory_.data()); }
    void give(unsigned short number) {
        io_uring_buf_ring_add(ring(), bytes_[number].data(), kSize, number, kCount - 1, 0);
        io_uring_buf_ring_advance(ring(), 1);
    }
    void queue_stream(std::uint64_t user_data, int socket) {
        auto& sqe = queue(user_data, io_uring_prep_recv, socket, nullptr, std::size_t{0}, 0);
        sqe.ioprio |= IORING_RECV_MULTISHOT;
        sqe.flags |= static_cast<std::uint8_t>(IOSQE_BUFFER_SELECT);
        sqe.buf_group = kGroup;
    }
    std::string text_of(const Completion& entry) {
        EXPECT_TRUE(entry.flags & IORING_CQE_F_BUFFER);
        return std::string(bytes_[entry.flags >> IORING_CQE_BUFFER_SHIFT].data(),
                           static_cast<std::size_t>(entry.result));
    }

    alignas(4096) std::array<char, 4096> memory_{};
    std::array<std::array<char, kSize>, kCount> bytes_{};
};

TEST_F(EpollBuffers, RunOutAndTheStreamEnds) {
    auto [near, far] = make_socketpair();
    queue_stream(1, near.get());
    submit();
    EXPECT_TRUE(is_open(1));
    ASSERT_EQ(::write(far.get(), "0123456789", 10), 10);
    while (seen_[1].size() < 3) wait();
    auto got = std::exchange(seen_, {})[1];
    EXPECT_EQ(text_of(got[0]), "0123");
    EXPECT_EQ(text_of(got[1]), "4567");
    EXPECT_TRUE(got[0].flags & got[1].flags & IORING_CQE_F_MORE);
    EXPECT_EQ(got[2].result, -ENOBUFS);
    EXPECT_EQ(got[2].flags, 0U);
    // One comes back: the rest, and then the end of what is sent.
    give(1);
    far.reset();
    queue_stream(2, near.get());
    submit();
    got = std::exchange(seen_, {})[2];
    ASSERT_GE(got.size(), 1U);
    EXPECT_EQ(text_of(got[0]), "89");
    give(1);
    queue_stream(3, near.get());
    submit();
    EXPECT_EQ(result(3), 0);
}

TEST_F(EpollBuffers, OfAnUnknownGroupThereAreNone) {
    auto [near, far] = make_socketpair();
    backend_->remove_buffer_ring(kGroup);
    queue_stream(1, near.get());
    submit();
    EXPECT_EQ(result(1), -ENOBUFS);
}

}  // namespace
}  // namespace urc
