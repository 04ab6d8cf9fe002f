// A container on its way to its monitor, between two ends of a socket in this process.
#include "core/monitor/handover.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/uring/loop_fixture.h"
#include "uring/file.h"
#include "uring/message.h"

namespace urc::monitor {
namespace {

bool is_same(int one, int other) {
    struct stat a {
    }, b{};
    return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

class MonitorHandover : public testing::Test {
protected:
    MonitorHandover() { std::tie(urc_, monitor_) = make_socketpair(SOCK_SEQPACKET); }
    ~MonitorHandover() override {
        urc_.reset();
        monitor_.reset();
        leaks_.check();
    }

    // What a launch leaves, as far as it is handed over: any files will do.
    static Launched launched(bool has_terminal, bool has_notify_socket, bool has_network = false) {
        auto open = [](const char* path) {
            auto fd = open_at(AT_FDCWD, path, O_RDONLY);
            EXPECT_TRUE(fd.ok());
            return fd.ok() ? std::move(*fd) : Fd();
        };
        return Launched{nullptr,
                        StateDir("c1", open("/"), -1),
                        State{},
                        Pidfd(open("/proc/self/stat").release()),
                        process::Channel(Fd()),
                        has_terminal ? open("/dev/null") : Fd(),
                        has_notify_socket ? open("/dev/zero") : Fd(),
                        {},
                        has_network ? open("/dev/full") : Fd()};
    }
    // Sends `count` descriptors with `what` as the message.
    void send(std::string_view what, int count) {
        auto [reader, writer] = make_pipe();
        OutMessage message(bytes_of(what));
        for (int i = 0; i < count; ++i) ASSERT_TRUE(message.add_fd(reader.get()));
        ASSERT_TRUE(send_blocking(urc_.get(), message, "send"));
    }

    LeakCheck leaks_;
    Fd urc_, monitor_;
};

TEST_F(MonitorHandover, EachDescriptorArrivesInItsPlace) {
    for (bool has_terminal : {false, true})
        for (int which = 0; which < 4; ++which) {
            const bool has_notify_socket = which % 2 != 0, has_network = which / 2 != 0;
            Launched container = launched(has_terminal, has_notify_socket, has_network);
            ASSERT_TRUE(send_handover(urc_.get(), container));
            // The monitor alone has them now: the end of the output must be its to see.
            EXPECT_FALSE(container.terminal);
            EXPECT_FALSE(container.notify_socket);
            EXPECT_FALSE(container.network_namespace);
            EXPECT_TRUE(container.init);
            auto received = receive_handover(monitor_.get());
            ASSERT_TRUE(received) << received.error().text();
            EXPECT_TRUE(is_same(received->directory.get(), container.dir.fd()));
            EXPECT_TRUE(is_same(received->init.get(), container.init.get()));
            EXPECT_EQ(received->terminal.is_open(), has_terminal);
            EXPECT_EQ(received->notify_socket.is_open(), has_notify_socket);
            auto null = open_at(AT_FDCWD, "/dev/null", O_RDONLY),
                 zero = open_at(AT_FDCWD, "/dev/zero", O_RDONLY);
            if (has_terminal) {
                EXPECT_TRUE(is_same(received->terminal.get(), null->get()));
            }
            if (has_notify_socket) {
                EXPECT_TRUE(is_same(received->notify_socket.get(), zero->get()));
            }
            ASSERT_EQ(received->network_namespace.is_open(), has_network);
            auto full = open_at(AT_FDCWD, "/dev/full", O_RDONLY);
            if (has_network) {
                EXPECT_TRUE(is_same(received->network_namespace.get(), full->get()));
            }
            for (int fd : {received->directory.get(), received->init.get()})
                EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
        }
}

TEST_F(MonitorHandover, AWrongNumberOfDescriptorsIsRefusedAndClosed) {
    const std::string_view words[] = {std::string_view("\0", 1), "\1", "\2", "\3", "\4", "\7"};
    const int wanted[] = {2, 3, 3, 4, 3, 5};
    for (int word = 0; word < 6; ++word)
        for (int count = 0; count < 7; ++count) {
            if (count == wanted[word]) continue;
            send(words[word], count);
            auto received = receive_handover(monitor_.get());
            ASSERT_FALSE(received) << word << " with " << count;
            EXPECT_EQ(received.error().code(), EBADMSG);
        }
}

TEST_F(MonitorHandover, AnEndInsteadOfIt) {
    urc_.reset();
    auto received = receive_handover(monitor_.get());
    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().code(), ECHILD);
}

TEST_F(MonitorHandover, AMonitorThatHasDiedIsAnError) {
    Launched container = launched(true, true);
    ::signal(SIGPIPE, SIG_DFL);
    monitor_.reset();
    auto sent = send_handover(urc_.get(), container);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code(), EPIPE);
    EXPECT_TRUE(container.terminal) << "it is still ours to close";
}

}  // namespace
}  // namespace urc::monitor
