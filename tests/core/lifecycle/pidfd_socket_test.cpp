// --pidfd-socket of create, run and exec.
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "container_test.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/exec.h"
#include "core/lifecycle/launch.h"
#include "uring/message.h"

namespace urc {
namespace {

class PidfdSocketTest : public testing::ContainerTest {
protected:
    void listen() {
        path_ = directory_ + "/pidfd.sock";
        listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
        ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(listener_.get(), 1), 0);
    }
    // What came with the one connection: the body, and the descriptor.
    std::pair<std::string, Fd> received() {
        Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        std::byte bytes[64];
        InMessage message(bytes);
        ssize_t size = ::recvmsg(connection.get(), &message.header_to_fill(), MSG_DONTWAIT);
        if (size < 0) return {};
        message.received(static_cast<std::size_t>(size));
        if (message.fds().size() != 1) return {};
        return {std::string(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size)),
                std::move(message.fds()[0])};
    }
    std::string path_;
    Fd listener_;
};

TEST_F(PidfdSocketTest, GetsThePidfdOfTheInitBeforeThePidFileIsThere) {
    write_config({"/bin/true"});
    listen();
    CreateOptions asked = options();
    asked.pidfd_socket = path_;
    asked.pid_file = directory_ + "/pid";
    bool is_sent_before_pid_file = false;
    child::StepHook hook = [&](std::string_view step) -> Result<void> {
        if (step != "pid file") return {};
        pollfd wait{listener_.get(), POLLIN, 0};
        is_sent_before_pid_file = ::poll(&wait, 1, 0) == 1 && ::access(asked.pid_file.c_str(), F_OK) != 0;
        return {};
    };
    auto launched = launch(global(), asked, StartedBy::socket, hook);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    EXPECT_TRUE(is_sent_before_pid_file);
    auto [body, pidfd] = received();
    EXPECT_EQ(body, "standard");
    EXPECT_EQ(::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0), 0);
    kill_and_reap(launched->init);
    EXPECT_EQ(::syscall(SYS_pidfd_send_signal, pidfd.get(), 0, nullptr, 0), -1) << "it was another process's";
    EXPECT_TRUE(destroy(global(), launched->dir, launched->state).ok());
    pidfd.reset();
    listener_.reset();
}

TEST_F(PidfdSocketTest, OfExecGetsThePidfdOfTheNewProcess) {
    write_config({"/bin/sleep", "1000"});
    auto launched = launch(global(), options(), StartedBy::channel);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    ASSERT_TRUE(release(global(), *launched).ok());
    launched->dir.unlock();
    listen();
    ExecOptions asked;
    asked.id = id_;
    asked.args = {"/bin/sleep", "1000"};
    asked.pidfd_socket = path_;
    auto started = start_exec(global(), asked);
    EXPECT_TRUE(started.ok()) << started.error().text();
    auto [body, pidfd] = received();
    EXPECT_EQ(body, "setns");
    EXPECT_EQ(::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGTERM, nullptr, 0), 0);
    siginfo_t info{};
    if (started.ok()) ::waitid(P_PIDFD, static_cast<id_t>(started->process.get()), &info, WEXITED);
    EXPECT_EQ(info.si_status, SIGTERM);
    kill_and_reap(launched->init);
    ASSERT_TRUE(launched->dir.lock(10'000).ok());
    EXPECT_TRUE(destroy(global(), launched->dir, launched->state).ok());
    pidfd.reset();
    listener_.reset();
    started = Error(ECANCELED, "closed");
    launched = Error(ECANCELED, "closed");
}

TEST_F(PidfdSocketTest, ThatNobodyListensOnIsAnErrorThatLeavesNothing) {
    write_config({"/bin/true"});
    CreateOptions asked = options();
    asked.pidfd_socket = directory_ + "/nobody.sock";
    auto status = run(global(), asked);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().text(),
              "connect --pidfd-socket: " + asked.pidfd_socket + ": No such file or directory");
}

}  // namespace
}  // namespace urc
